//! An endpoint is a handler and its description, in one place: the same list makes the routes and the
//! OpenAPI document, so neither can have what the other lacks.

use actix_web::{
    HttpResponse, Route, guard,
    http::Method,
    web::{self, ServiceConfig},
};
use utoipa::{
    __dev::SchemaReferences,
    openapi::{
        RefOr,
        path::{HttpMethod, Operation},
        schema::Schema,
    },
};

use super::problem::Problem;

pub type NamedSchema = (String, RefOr<Schema>);

/// One method of one path.
pub struct Endpoint {
    pub path: String,
    pub method: HttpMethod,
    pub operation: Operation,
    pub schemas: Vec<NamedSchema>,
    route: Route,
}

/// `endpoints![orders::place, …]`: each is a module with a function `handle` under `#[utoipa::path]`.
macro_rules! endpoints {
    ($($resource:ident::$verb:ident),* $(,)?) => {
        vec![$($crate::http::endpoint::Endpoint::new::<$resource::$verb::__path_handle>(
            concat!(stringify!($resource), "_", stringify!($verb)),
            actix_web::web::to($resource::$verb::handle),
        )),*]
    };
}
pub(crate) use endpoints;

impl Endpoint {
    pub fn new<Described: utoipa::Path + SchemaReferences>(name: &str, route: Route) -> Self {
        let mut schemas = Vec::new();
        Described::schemas(&mut schemas);
        let mut operation = Described::operation();
        operation.operation_id = Some(name.to_owned());
        let method = Described::methods().into_iter().next().expect("a described handler has a method");
        Self { path: Described::path(), method, operation, schemas, route }
    }

    fn method_name(&self) -> &'static str {
        match self.method {
            HttpMethod::Get => "GET",
            HttpMethod::Post => "POST",
            HttpMethod::Put => "PUT",
            HttpMethod::Delete => "DELETE",
            HttpMethod::Options => "OPTIONS",
            HttpMethod::Head => "HEAD",
            HttpMethod::Patch => "PATCH",
            HttpMethod::Trace => "TRACE",
        }
    }
}

/// Adds the routes: a resource for each path, which answers other methods with 405.
pub fn serve(endpoints: Vec<Endpoint>, app: &mut ServiceConfig) {
    let mut resources: Vec<(String, Vec<Endpoint>)> = Vec::new();
    for endpoint in endpoints {
        match resources.iter_mut().find(|(path, _)| *path == endpoint.path) {
            Some((_, methods)) => methods.push(endpoint),
            None => resources.push((endpoint.path.clone(), vec![endpoint])),
        }
    }
    for (path, endpoints) in resources {
        let mut resource = web::resource(path);
        let mut allow = Vec::new();
        for endpoint in endpoints {
            let name = endpoint.method_name();
            allow.push(name);
            let method = Method::from_bytes(name.as_bytes()).expect("the name of a method");
            resource = if method == Method::GET {
                allow.push("HEAD");
                resource.route(endpoint.route.guard(guard::Any(guard::Get()).or(guard::Head())))
            } else {
                resource.route(endpoint.route.method(method))
            };
        }
        let allow = allow.join(", ");
        let refuse = move || {
            let problem = Problem::method_not_allowed(&allow);
            async move { Err::<HttpResponse, Problem>(problem) }
        };
        app.service(resource.default_service(web::to(refuse)));
    }
}

/// For whatever path nothing is registered.
pub async fn nothing_here() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found())
}
