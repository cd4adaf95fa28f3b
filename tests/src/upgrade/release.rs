//! The two that are there.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    Former,
    This,
}

impl Release {
    pub fn place(self) -> usize {
        match self {
            Self::Former => 0,
            Self::This => 1,
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::Former => Self::This,
            Self::This => Self::Former,
        }
    }
}
