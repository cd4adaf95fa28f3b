//! What a route says of itself: the OpenAPI document is made of it.

use actix_web::http::Method;
use daybook_commands::UseCase;
use daybook_core::reads::Access;
use daybook_domain::{Code, code::GeneralCode, policy::PolicyCode};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        Content, Ref, RefOr, Required, ResponseBuilder,
        path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{ObjectBuilder, Schema, Type},
    },
};

use super::{
    arrived::{Body, InPath},
    body::media_types,
    codes::HttpCode,
    operation_id,
    problem::catalogue::{CommandCode, DownstreamCode},
    tags,
};

pub type NamedSchema = (String, RefOr<Schema>);

/// What kind of route it is, from which follow the headers that it takes and the codes that it answers.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `refusals` are the codes of rules that may refuse it.
    Command {
        needs_key: bool,
        creates: bool,
        has_version: bool,
        refusals: &'static [Code],
    },
    Read(Access),
    /// What callers with a token are told of themselves.
    Own,
    /// What an operator looks at.
    Look,
    /// What an operator does; `refusals` as above.
    Deed {
        refusals: &'static [Code],
    },
    /// What people do with their accounts and sessions; `refusals` as above.
    Identity {
        needs_token: bool,
        refusals: &'static [Code],
    },
    /// A page for people with a browser, or a form that one sends; `refusals` as above.
    Page {
        refusals: &'static [Code],
    },
    /// A document or a page, the same for everyone.
    Document,
    /// What programs that watch over this process ask, whatever state it is in.
    Probe,
    /// The events of the log, in several forms.
    Stream,
    /// Commands and reads in a language of their own, whose answers say how each of them went.
    Graph,
}

impl Kind {
    pub fn of<U: UseCase>() -> Self {
        Self::Command {
            needs_key: U::NEEDS_KEY,
            creates: U::CREATES,
            has_version: U::HAS_VERSION,
            refusals: U::REFUSALS,
        }
    }

    /// The codes that such a route may answer with, whatever it is about.
    pub fn codes(self, in_path: bool, body: bool) -> Vec<Code> {
        let mut codes = vec![
            HttpCode::MalformedRequest.code(),
            HttpCode::UnknownParameter.code(),
            HttpCode::NotAcceptable.code(),
            // Wherever a query string is, a token may be in it.
            HttpCode::Unauthenticated.code(),
            GeneralCode::Internal.code(),
        ];
        if matches!(self, Self::Probe) {
            return codes;
        }
        codes.push(HttpCode::RateLimited.code());
        codes.extend([GeneralCode::Overloaded, GeneralCode::Unavailable].map(GeneralCode::code));
        if self.needs_token() && !matches!(self, Self::Own) {
            codes.push(PolicyCode::Forbidden.code());
        }
        if in_path {
            codes.push(GeneralCode::NotFound.code());
        }
        if body {
            codes.extend([HttpCode::PayloadTooLarge, HttpCode::UnsupportedMediaType].map(HttpCode::code));
            codes.push(HttpCode::RequestTimeout.code());
            if !matches!(self, Self::Graph) {
                codes.push(GeneralCode::ValidationFailed.code());
            }
        }
        match self {
            Self::Command { needs_key, refusals, .. } => {
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
            Self::Own | Self::Look | Self::Stream => codes.push(GeneralCode::DeadlineExceeded.code()),
            Self::Identity { needs_token, refusals } => {
                codes.push(GeneralCode::DeadlineExceeded.code());
                // A token that belongs to no account.
                if needs_token {
                    codes.push(GeneralCode::NotFound.code());
                }
                codes.extend(refusals);
            }
            Self::Deed { refusals } => {
                codes.push(GeneralCode::DeadlineExceeded.code());
                codes.extend(refusals);
            }
            Self::Page { refusals } => {
                codes.extend([GeneralCode::DeadlineExceeded.code(), PolicyCode::Forbidden.code()]);
                codes.extend(refusals);
            }
            Self::Graph => codes.push(HttpCode::MethodNotAllowed.code()),
            Self::Document | Self::Probe => {}
        }
        codes
    }

    /// Whether it needs a token.
    pub fn needs_token(self) -> bool {
        if let Self::Identity { needs_token, .. } = self {
            return needs_token;
        }
        let is_public = matches!(self, Self::Read(Access::Public(_)));
        !is_public && !matches!(self, Self::Page { .. } | Self::Document | Self::Probe | Self::Graph)
    }
}

pub struct About {
    /// A stable name with dots, such as that of a use case.
    pub name: String,
    pub kind: Kind,
    pub operation: Operation,
    pub schemas: Vec<NamedSchema>,
    /// Answers of many parts: the media type, and what a part says.
    pub streams: Vec<(String, RefOr<Schema>)>,
    /// The parameters of the path.
    pub in_path: Vec<String>,
    /// Answers may have a cookie, though it is no page.
    pub sets_cookies: bool,
}

impl About {
    /// The first sentence of `text` is the summary.
    pub fn new(name: &str, path: &str, text: &str, kind: Kind) -> Self {
        let (summary, description) =
            text.split_once(". ").map_or((text, None), |(first, rest)| (first, Some(rest)));
        let operation = OperationBuilder::new()
            .operation_id(Some(operation_id::of(name)))
            .summary(Some(summary.trim_end_matches('.')))
            .description(description)
            .tag(tags::of(path))
            .build();
        let in_path =
            path.split('{').skip(1).filter_map(|part| part.split('}').next()).map(str::to_owned).collect();
        Self {
            name: name.to_owned(),
            kind,
            operation,
            schemas: vec![],
            streams: vec![],
            in_path,
            sets_cookies: false,
        }
    }

    #[must_use]
    pub fn path<P: InPath>(mut self) -> Self {
        for (name, schema) in self.in_path.clone().into_iter().zip(P::schemas()) {
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
    pub fn body<B: Body>(self, method: &Method) -> Self {
        self.body_as::<B>(media_types(method))
    }

    /// A body in one of these media types.
    #[must_use]
    pub fn body_as<B: Body>(mut self, media_types: &[&str]) -> Self {
        let schema = self.named::<B>();
        // No body at all is read as an object without members.
        let is_needed = match B::schema() {
            RefOr::T(Schema::Object(object)) => !object.required.is_empty(),
            _ => true,
        };
        let required = if is_needed { Required::True } else { Required::False };
        let body = media_types.iter().fold(RequestBodyBuilder::new(), |body, media_type| {
            body.content(*media_type, Content::new(Some(schema.clone())))
        });
        self.operation.request_body = Some(body.required(Some(required)).build().into());
        self
    }

    #[must_use]
    pub fn answer<V: ToSchema>(self, status: u16) -> Self {
        self.answer_as::<V>(status, "application/json")
    }

    /// An answer in another form of JSON.
    #[must_use]
    pub fn answer_as<V: ToSchema>(mut self, status: u16, media_type: &str) -> Self {
        let content = Content::new(Some(self.named::<V>()));
        self.content(status, media_type, content);
        self
    }

    /// An answer that is a text, such as a page or a stream. `example` is its beginning.
    #[must_use]
    pub fn answer_text(mut self, media_type: &str, example: &str) -> Self {
        let schema = ObjectBuilder::new().schema_type(Type::String).examples([example]);
        self.content(200, media_type, Content::new(Some(schema)));
        self
    }

    #[must_use]
    pub fn with_cookies(self) -> Self {
        Self { sets_cookies: true, ..self }
    }

    /// An answer that sends a browser to another address.
    #[must_use]
    pub fn leads_on(mut self) -> Self {
        let response = ResponseBuilder::new().description(meaning(303)).build();
        self.operation.responses.responses.insert("303".to_owned(), response.into());
        self
    }

    /// An answer that is a text of many parts, such as lines, each of which says a `V` in JSON. `about` says how,
    /// `example` is its beginning.
    #[must_use]
    pub fn answer_parts<V: ToSchema>(mut self, media_type: &str, about: &str, example: &str) -> Self {
        let part = self.named::<V>();
        self.streams.push((media_type.to_owned(), part));
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(about))
            .content_media_type("application/json")
            .examples([example]);
        self.content(200, media_type, Content::new(Some(schema)));
        self
    }

    /// Whether it answers pages of a list.
    pub fn is_paged(&self) -> bool {
        let is_cursor =
            |parameter: &_| matches!(parameter, RefOr::T(Parameter { name, .. }) if name == "after");
        self.operation.parameters.iter().flatten().any(is_cursor)
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
        303 => "It goes on elsewhere",
        400 => "It can't be understood",
        _ => "It was done, or found",
    }
}
