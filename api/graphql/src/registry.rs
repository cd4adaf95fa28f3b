//! The schema as the library knows it: it parses and checks documents against it, answers questions about it, and
//! writes it down. It never asks a field: that is done in `run`.

use async_graphql::dynamic::{
    Enum, EnumItem, Field, FieldFuture, FieldValue, InputObject, InputValue, Interface, InterfaceField,
    Object, Scalar, Schema, SchemaError, Subscription, SubscriptionField, SubscriptionFieldFuture, TypeRef,
};
use futures::stream;

use crate::{
    documents::Checks,
    names::{MUTATION, QUERY, SUBSCRIPTION},
    types::{Named, Taken, Types, nn, values},
};

/// Fragments and lists in one another.
const MOST_RECURSION: usize = 32;
/// Directives of one field.
const MOST_DIRECTIVES: usize = 10;

pub fn of(types: &Types, tells_of_itself: bool) -> Result<Schema, SchemaError> {
    let mut builder = Schema::build(QUERY, Some(MUTATION), Some(SUBSCRIPTION))
        .limit_recursive_depth(MOST_RECURSION)
        .limit_directives(MOST_DIRECTIVES)
        .disable_suggestions()
        .extension(Checks);
    if !tells_of_itself {
        builder = builder.disable_introspection();
    }
    for (name, named) in &types.named {
        builder = match named {
            Named::Scalar { about } => builder.register(Scalar::new(name).description(*about)),
            Named::Enum { words, about } => {
                let items = Enum::new(name).items(values(words).map(EnumItem::new));
                builder.register(if about.is_empty() { items } else { items.description(about) })
            }
            Named::Input(members) => {
                let input = InputObject::new(name);
                let input =
                    members.iter().fold(input, |input, (name, taken)| input.field(value(name, taken)));
                builder.register(input)
            }
            Named::Node(_) => {
                let id = InterfaceField::new("id", nn(TypeRef::named(TypeRef::ID)));
                builder.register(Interface::new(name).description("A thing with an id of its own.").field(id))
            }
            Named::Object(place) if name == SUBSCRIPTION => {
                builder.register(subscription(&types.objects[*place]))
            }
            Named::Object(place) => {
                let is_node =
                    matches!(types.named.get("Node"), Some(Named::Node(places)) if places.contains(place));
                builder.register(object(&types.objects[*place], is_node))
            }
        };
    }
    builder.finish()
}

fn object(object: &crate::types::Object, is_node: bool) -> Object {
    let made = Object::new(&object.name);
    let made = if object.about.is_empty() { made } else { made.description(&object.about) };
    let made = if is_node { made.implement("Node") } else { made };
    object.fields.iter().fold(made, |made, field| {
        let new = Field::new(&field.name, field.ty.clone(), |_| FieldFuture::from_value(None));
        let new = if field.about.is_empty() { new } else { new.description(&field.about) };
        let arguments = field.arguments.iter().map(|(name, taken)| value(name, taken));
        made.field(arguments.fold(new, Field::argument))
    })
}

fn subscription(object: &crate::types::Object) -> Subscription {
    object.fields.iter().fold(Subscription::new(&object.name).description(&object.about), |made, field| {
        let new = SubscriptionField::new(&field.name, field.ty.clone(), |_| {
            SubscriptionFieldFuture::new(async {
                Ok(stream::empty::<async_graphql::Result<FieldValue<'_>>>())
            })
        });
        let new = new.description(&field.about);
        let arguments = field.arguments.iter().map(|(name, taken)| value(name, taken));
        made.field(arguments.fold(new, SubscriptionField::argument))
    })
}

fn value(name: &str, taken: &Taken) -> InputValue {
    let value = InputValue::new(name, taken.ty.clone());
    if taken.about.is_empty() { value } else { value.description(&taken.about) }
}
