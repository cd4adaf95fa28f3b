//! What a benchmark found: a table for people, JSON for programs.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use serde::Serialize;

#[derive(Serialize)]
pub struct Report {
    name: &'static str,
    machine: String,
    date: String,
    rounds: usize,
    /// Absolute numbers, named with their unit.
    figures: BTreeMap<String, f64>,
    ratios: BTreeMap<String, f64>,
    /// The first and third quartile of the rounds' ratios, where two were compared round by round.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    spreads: BTreeMap<String, [f64; 2]>,
    /// What ran, with which settings, and what was off.
    conditions: Vec<String>,
}

impl Report {
    pub fn new(name: &'static str, rounds: usize) -> Self {
        let (figures, ratios, spreads) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let date = output("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]);
        Self { name, machine: machine(), date, rounds, figures, ratios, spreads, conditions: vec![] }
    }

    pub fn condition(&mut self, text: impl Into<String>) {
        self.conditions.push(text.into());
    }

    /// The median of the rounds.
    pub fn figure(&mut self, name: &str, rounds: &[f64]) -> f64 {
        let median = median(rounds);
        self.figures.insert(name.to_owned(), rounded(median));
        median
    }

    pub fn ratio(&mut self, name: &str, ours: f64, theirs: f64) {
        self.ratios.insert(name.to_owned(), rounded(ours / theirs));
    }

    /// What this build and another one did, round by round: the medians of both, the median of the rounds'
    /// ratios, and how far those are apart.
    pub fn compared(&mut self, name: &str, this: &[f64], other: &[f64]) {
        self.figure(&format!("{name}_this"), this);
        self.figure(&format!("{name}_other"), other);
        let mut ratios: Vec<f64> = this.iter().zip(other).map(|(this, other)| this / other).collect();
        ratios.sort_by(f64::total_cmp);
        let name = format!("{name}_vs_other");
        self.spreads.insert(name.clone(), [0.25, 0.75].map(|part| rounded(quantile(&ratios, part))));
        self.ratios.insert(name, rounded(median(&ratios)));
    }

    pub fn print(&self) {
        println!("\n{} ({} rounds, {}, {})", self.name, self.rounds, self.machine, self.date);
        for condition in &self.conditions {
            println!("  . {condition}");
        }
        for (name, value) in &self.figures {
            println!("  {name:<44} {value:>12}");
        }
        for (name, value) in &self.ratios {
            let spread = self.spreads.get(name).map(|[low, high]| format!("   {low} to {high}"));
            println!("  {name:<44} {value:>12} x{}", spread.unwrap_or_default());
        }
    }

    /// To the folder that `./dev bench` names.
    pub fn write(&self) {
        let folder =
            PathBuf::from(std::env::var_os("BENCH_OUTPUT").unwrap_or_else(|| ".daybook/bench".into()));
        std::fs::create_dir_all(&folder).expect("the folder for results can be made");
        let file = folder.join(format!("{}.json", self.name));
        let text = serde_json::to_string_pretty(self).expect("a report serializes");
        std::fs::write(&file, text + "\n").expect("the result can be written");
        println!("  -> {}", file.display());
    }
}

pub fn median(rounds: &[f64]) -> f64 {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// A quantile of values in their order; 0 if there are none.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let index = (values.len() as f64 * part) as usize;
    values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

fn machine() -> String {
    let cpu = output("sh", &["-c", "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2"]);
    let cores = output("nproc", &[]);
    format!("{cores} x {cpu}, {}", output("uname", &["-sr"]))
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output
        .map_or_else(|_| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
