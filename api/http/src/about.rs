//! What a route says of itself: the OpenAPI document is made of it.

use actix_web::http::Method;
use daybook_commands::UseCase;
use daybook_core::reads::Access;
use daybook_domain::{Code, code::GeneralCode, policy::PolicyCode};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        Content, Ref, RefOr, Required, ResponseBuilder,
        path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::Schema,
    },
};

use super::{
    arrived::{Body, InPath},
    body::media_types,
    codes::HttpCode,
    problem::catalogue::{CommandCode, DownstreamCode},
};

pub type NamedSchema = (String, RefOr<Schema>);

/// What kind of route it is, from which follow the headers that it takes and the codes that it answers.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `refusals` are the codes of rules that may refuse it.
    Command {
        needs_key: bool,
        refusals: &'static [Code],
    },
    Read(Access),
    /// What an operator looks at.
    Look,
    /// What an operator does.
    Deed,
    /// A document or a page, the same for everyone.
    Document,
    /// Something else that needs the rule of its door.
    Guarded,
}

impl Kind {
    pub fn of<U: UseCase>() -> Self {
        Self::Command { needs_key: U::NEEDS_KEY, refusals: U::REFUSALS }
    }

    /// The codes that such a route may answer with, whatever it is about.
    pub fn codes(self, in_path: bool, body: bool) -> Vec<Code> {
        let mut codes = vec![
            HttpCode::MalformedRequest.code(),
            HttpCode::UnknownParameter.code(),
            HttpCode::NotAcceptable.code(),
            HttpCode::RateLimited.code(),
            HttpCode::Unauthenticated.code(),
            GeneralCode::Internal.code(),
            GeneralCode::Overloaded.code(),
            GeneralCode::Unavailable.code(),
        ];
        if self.needs_token() {
            codes.push(PolicyCode::Forbidden.code());
        }
        if in_path {
            codes.push(GeneralCode::NotFound.code());
        }
        if body {
            codes.extend([HttpCode::PayloadTooLarge, HttpCode::UnsupportedMediaType].map(HttpCode::code));
            codes.extend([HttpCode::RequestTimeout.code(), GeneralCode::ValidationFailed.code()]);
        }
        match self {
            Self::Command { needs_key, refusals } => {
                codes.extend([CommandCode::KeyInFlight, CommandCode::KeyReused].map(CommandCode::code));
                codes.extend([CommandCode::StaleVersion, CommandCode::OutcomeUnknown].map(CommandCode::code));
                codes.push(GeneralCode::DeadlineExceeded.code());
                if needs_key {
                    codes.push(HttpCode::KeyRequired.code());
                }
                codes.extend(refusals);
            }
            Self::Read(_) => {
                codes.extend([DownstreamCode::ReadModelBehind.code(), GeneralCode::DeadlineExceeded.code()]);
            }
            Self::Look | Self::Guarded => codes.push(GeneralCode::DeadlineExceeded.code()),
            Self::Deed => {
                codes.extend(
                    [DownstreamCode::AlreadyRunning, DownstreamCode::Conflict].map(DownstreamCode::code),
                );
                codes.push(HttpCode::LastSigningKey.code());
            }
            Self::Document => {}
        }
        codes
    }

    /// Whether it needs a token.
    pub fn needs_token(self) -> bool {
        !matches!(self, Self::Document | Self::Read(Access::Public(_)))
    }
}

pub struct About {
    pub kind: Kind,
    pub operation: Operation,
    pub schemas: Vec<NamedSchema>,
    /// The first parameter of the path.
    in_path: Option<String>,
}

impl About {
    /// `name` is a stable name with dots, such as that of a use case. The first sentence of `text` is the
    /// summary.
    pub fn new(name: &str, path: &str, text: &str, kind: Kind) -> Self {
        let (summary, description) =
            text.split_once(". ").map_or((text, None), |(first, rest)| (first, Some(rest)));
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let first = segments.next().unwrap_or_default();
        let tag = if matches!(first, "v1" | "admin") { segments.next().unwrap_or("about") } else { "about" };
        let operation = OperationBuilder::new()
            .operation_id(Some(name.replace(['.', '-'], "_")))
            .summary(Some(summary.trim_end_matches('.')))
            .description(description)
            .tag(tag.replace('-', " "))
            .build();
        let in_path = path.split_once('{').and_then(|(_, rest)| rest.split('}').next()).map(str::to_owned);
        Self { kind, operation, schemas: Vec::new(), in_path }
    }

    #[must_use]
    pub fn path<P: InPath>(mut self) -> Self {
        if let (Some(name), Some(schema)) = (&self.in_path, P::schema()) {
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(schema))
                .build();
            self.parameter(parameter);
        }
        self
    }

    #[must_use]
    pub fn query<Q: IntoParams>(mut self) -> Self {
        for parameter in Q::into_params(|| Some(ParameterIn::Query)) {
            self.parameter(parameter);
        }
        self
    }

    #[must_use]
    pub fn header<S: ToSchema>(mut self, name: &str, description: &str) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .description(Some(description))
            .schema(Some(S::schema()))
            .build();
        self.parameter(parameter);
        self
    }

    #[must_use]
    pub fn body<B: Body>(mut self, method: &Method) -> Self {
        let schema = self.named::<B>();
        let body = media_types(method).iter().fold(RequestBodyBuilder::new(), |body, media_type| {
            body.content(*media_type, Content::new(Some(schema.clone())))
        });
        self.operation.request_body = Some(body.build().into());
        self
    }

    #[must_use]
    pub fn answer<V: ToSchema>(self, status: u16) -> Self {
        self.answer_as::<V>(status, "application/json")
    }

    /// The same in another form; may be added to others.
    #[must_use]
    pub fn answer_as<V: ToSchema>(mut self, status: u16, media_type: &str) -> Self {
        let content = Content::new(Some(self.named::<V>()));
        self.content(status, media_type, content);
        self
    }

    /// An answer that has no schema, such as a page.
    #[must_use]
    pub fn answer_text(mut self, media_type: &str) -> Self {
        self.content(200, media_type, Content::new(Some(<String as PartialSchema>::schema())));
        self
    }

    fn content(&mut self, status: u16, media_type: &str, content: Content) {
        let responses = &mut self.operation.responses.responses;
        let response = responses
            .entry(status.to_string())
            .or_insert_with(|| ResponseBuilder::new().description(meaning(status)).build().into());
        if let RefOr::T(response) = response {
            response.content.insert(media_type.to_owned(), content.into());
        }
    }

    fn parameter(&mut self, parameter: Parameter) {
        self.operation.parameters.get_or_insert_default().push(parameter.into());
    }

    fn named<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let name = T::name().into_owned();
        self.schemas.push((name.clone(), T::schema()));
        T::schemas(&mut self.schemas);
        Ref::from_schema_name(name).into()
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        201 => "It was created",
        202 => "It has begun",
        _ => "It was done, or found",
    }
}
