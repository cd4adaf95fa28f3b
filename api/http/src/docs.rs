//! The OpenAPI document, and the page that shows it: Swagger UI, whose files come with a package.

use std::{
    io::Read,
    sync::{Arc, LazyLock},
};

use actix_web::{HttpRequest, HttpResponse, http::header::HeaderValue, web};
use flate2::read::GzDecoder;
use serde::Deserialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use super::{answer::Fixed, arrived::InPath, openapi, route::Route};

/// Everything comes from this listener, and so does everything that is tried out. The viewer's style sheet has its
/// icons in it, as `data:`.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

/// What a listener says of its own routes, made when it is first asked for.
pub struct Documents {
    openapi: LazyLock<Fixed, Box<dyn FnOnce() -> Fixed + Send>>,
}

impl Documents {
    pub fn new(routes: impl FnOnce() -> Vec<Route> + Send + 'static) -> Self {
        let made = move || {
            let document = serde_json::to_vec(&openapi::document(&routes())).expect("a document serializes");
            Fixed::new("application/json", document)
        };
        Self { openapi: LazyLock::new(Box::new(made)) }
    }

    /// The documents of the listener that the request came to.
    pub fn of(request: &HttpRequest) -> &Self {
        request.app_data::<web::Data<Self>>().expect("every listener has its documents")
    }

    pub fn openapi(&self, request: &HttpRequest) -> HttpResponse {
        self.openapi.answer(request)
    }
}

pub fn page(request: &HttpRequest) -> HttpResponse {
    static PAGE: LazyLock<Fixed> = LazyLock::new(|| Fixed::page(POLICY, include_str!("docs/page.html")));
    PAGE.answer(request)
}

/// A file that the page is made of, by its name.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub enum File {
    #[serde(rename = "initializer.js")]
    Initializer,
    #[serde(rename = "swagger-ui-bundle.js")]
    Script,
    #[serde(rename = "swagger-ui.css")]
    Style,
}

impl File {
    pub fn answer(self, request: &HttpRequest) -> HttpResponse {
        static INITIALIZER: LazyLock<Fixed> =
            LazyLock::new(|| Fixed::new(SCRIPT, include_str!("docs/initializer.js")));
        static BUNDLE: LazyLock<Fixed> =
            LazyLock::new(|| Fixed::new(SCRIPT, packaged("swagger-ui-bundle.js")));
        static STYLE: LazyLock<Fixed> =
            LazyLock::new(|| Fixed::new("text/css; charset=utf-8", packaged("swagger-ui.css")));
        let file = match self {
            Self::Initializer => &INITIALIZER,
            Self::Script => &BUNDLE,
            Self::Style => &STYLE,
        };
        file.answer(request)
    }
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the viewer. In the program it is compressed, as the package has it.
fn packaged(name: &str) -> Vec<u8> {
    let file = utoipa_swagger_ui::serve(name, Arc::default()).ok().flatten().expect("the package has it");
    let mut content = Vec::new();
    GzDecoder::new(&*file.bytes).read_to_end(&mut content).expect("the package is whole");
    content
}

impl InPath for File {
    fn schemas() -> Vec<RefOr<Schema>> {
        vec![<Self as PartialSchema>::schema()]
    }

    fn target(&self) -> String {
        format!("{self:?}")
    }
}
