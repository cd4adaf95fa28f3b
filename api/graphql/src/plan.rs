//! What an operation asks for, with fragments in their places and arguments coerced (GraphQL, section 6.3.2).

use async_graphql::{
    Positioned,
    dynamic::TypeRef,
    parser::types::{
        Directive, ExecutableDocument, Field as Asked, OperationDefinition, OperationType, Selection,
        SelectionSet,
    },
};
use serde_json::{Map, Value};

use crate::{
    coerce::{self, Variables},
    limits::{MOST_COST, MOST_MUTATIONS, MOST_QUERIES, USUAL_LIST},
    names::{MUTATION, QUERY, SUBSCRIPTION},
    types::{Base, Field, Named, Source, Types, Whole},
};

#[derive(Debug)]
pub struct Plan {
    pub kind: OperationType,
    pub steps: Vec<Step>,
}

/// A field that is asked for.
#[derive(Debug)]
pub struct Step {
    /// Its name in the answer.
    pub key: String,
    /// The places of its object and of itself; `None`: it is the name of the type.
    pub place: Option<(usize, usize)>,
    pub arguments: Map<String, Value>,
    /// What is asked of it, for each object that it can be.
    pub within: Vec<(usize, Vec<Step>)>,
}

impl Step {
    /// What is asked of an object of that type.
    pub fn of(&self, object: usize) -> &[Step] {
        self.within.iter().find(|(other, _)| *other == object).map_or(&[], |(_, steps)| steps)
    }
}

/// The type of the root.
pub fn root(kind: OperationType) -> &'static str {
    match kind {
        OperationType::Query => QUERY,
        OperationType::Mutation => MUTATION,
        OperationType::Subscription => SUBSCRIPTION,
    }
}

/// `document` has been checked.
pub fn of(
    types: &Types,
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    sent: &Map<String, Value>,
) -> Result<Plan, String> {
    let variables = &coerce::variables(types, operation, sent)?;
    let planner = Planner { types, document, variables };
    let root = types.object(root(operation.ty));
    let root = root.ok_or("there is no such operation here")?;
    let mut cost = 0;
    let steps = planner.steps(&[&operation.selection_set.node], root, 1, &mut cost)?;
    if cost > MOST_COST {
        return Err(format!("the query is too large: it costs {cost}, and at most {MOST_COST} are allowed"));
    }
    let most = if operation.ty == OperationType::Mutation { MOST_MUTATIONS } else { MOST_QUERIES };
    if steps.iter().filter(|step| step.place.is_some()).count() > most {
        return Err(format!("an operation has at most {most} fields of the root"));
    }
    Ok(Plan { kind: operation.ty, steps })
}

struct Planner<'a> {
    types: &'a Types,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
}

/// A field with the same name in the answer, wherever it is asked for.
struct Group<'a> {
    key: &'a str,
    first: &'a Asked,
    sets: Vec<&'a SelectionSet>,
}

impl<'a> Planner<'a> {
    /// `rows` is how many rows the next list of a page has.
    fn steps(
        &self,
        sets: &[&'a SelectionSet],
        object: usize,
        rows: usize,
        cost: &mut usize,
    ) -> Result<Vec<Step>, String> {
        let mut groups = Vec::new();
        for set in sets {
            self.collect(set, object, &mut groups);
        }
        groups.into_iter().map(|group| self.step(group, object, rows, cost)).collect()
    }

    fn step(&self, group: Group<'a>, object: usize, rows: usize, cost: &mut usize) -> Result<Step, String> {
        let Group { key, first, sets } = group;
        let name = first.name.node.as_str();
        let key = key.to_owned();
        if name == "__typename" {
            *cost += 1;
            return Ok(Step { key, place: None, arguments: Map::new(), within: vec![] });
        }
        let place =
            self.types.objects[object].place(name).ok_or_else(|| format!("there is no field {name} here"))?;
        let field = &self.types.objects[object].fields[place];
        let arguments = coerce::arguments(self.types, &field.arguments, &first.arguments, self.variables)
            .map_err(|wrong| format!("{name}: {wrong}"))?;
        let rows_below = if field.is_page() { field.rows(&arguments) } else { rows };
        let objects = match &field.base {
            Base::Object(place) => std::slice::from_ref(place),
            Base::Node(places) => places,
            Base::Scalar | Base::Enum => &[],
        };
        let mut one = 0;
        let mut within = Vec::with_capacity(objects.len());
        for object in objects {
            within.push((*object, self.steps(&sets, *object, rows_below, &mut one)?));
        }
        let times = match (has_list(&field.ty), &field.source) {
            (false, _) => 1,
            (true, _) if self.types.objects[object].name.ends_with("Connection") => rows,
            (true, _) => USUAL_LIST,
        };
        *cost = cost.saturating_add(one.saturating_mul(times)).saturating_add(1);
        Ok(Step { key, place: Some((object, place)), arguments, within })
    }

    fn collect(&self, set: &'a SelectionSet, object: usize, groups: &mut Vec<Group<'a>>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    if self.is_left_out(&field.directives) {
                        continue;
                    }
                    let key = field.alias.as_ref().unwrap_or(&field.name).node.as_str();
                    let sub = &field.selection_set.node;
                    match groups.iter_mut().find(|group| group.key == key) {
                        Some(group) => group.sets.push(sub),
                        None => groups.push(Group { key, first: field, sets: vec![sub] }),
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    let condition =
                        fragment.type_condition.as_ref().map(|condition| condition.node.on.node.as_str());
                    if !self.is_left_out(&fragment.directives) && self.fits(condition, object) {
                        self.collect(&fragment.selection_set.node, object, groups);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) else {
                        continue;
                    };
                    let condition = fragment.node.type_condition.node.on.node.as_str();
                    if !self.is_left_out(&spread.node.directives) && self.fits(Some(condition), object) {
                        self.collect(&fragment.node.selection_set.node, object, groups);
                    }
                }
            }
        }
    }

    fn fits(&self, condition: Option<&str>, object: usize) -> bool {
        let Some(condition) = condition else { return true };
        match self.types.named.get(condition) {
            Some(Named::Object(place)) => *place == object,
            Some(Named::Node(places)) => places.contains(&object),
            _ => false,
        }
    }

    fn is_left_out(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().any(|directive| {
            let says =
                coerce::flag(directive.node.get_argument("if").map(|value| &value.node), self.variables);
            match directive.node.name.node.as_str() {
                "skip" => says,
                "include" => !says,
                _ => false,
            }
        })
    }
}

impl Field {
    fn is_page(&self) -> bool {
        matches!(self.source, Source::Asked { of: Whole::Page, .. })
    }

    /// How many rows the page has at most.
    fn rows(&self, arguments: &Map<String, Value>) -> usize {
        let asked = ["limit", "last"].iter().find_map(|name| arguments.get(*name)?.as_u64());
        asked.map_or(self.usual_rows, |rows| usize::try_from(rows).unwrap_or(usize::MAX))
    }
}

fn has_list(ty: &TypeRef) -> bool {
    match ty {
        TypeRef::Named(_) => false,
        TypeRef::NonNull(inner) => has_list(inner),
        TypeRef::List(_) => true,
    }
}
