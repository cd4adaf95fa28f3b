use super::{touches::MAX_TOUCHES, *};

const KIND: Kind = Kind { model: "orders", read: "order.by_id", audience: Audience::Staff };

fn item(id: &str) -> Key {
    Key { kind: KIND, of: Of::Item(id.into()) }
}

fn for_its_owner(id: &str) -> Key {
    Key { kind: Kind { audience: Audience::Owner, ..KIND }, of: Of::Item(id.into()) }
}

fn first_page() -> Key {
    page_of(None)
}

fn page_of(group: Option<&str>) -> Key {
    let of = Of::List { words: format!("first of {group:?}"), group: group.map(str::to_owned) };
    Key { kind: Kind { read: "order.page", ..KIND }, of }
}

fn cache_at(position: i64) -> Cache {
    let cache = Cache::new(1 << 20, Duration::from_secs(60));
    cache.enable(vec![live([position])]);
    cache
}

fn live<const N: usize>(positions: [i64; N]) -> Live {
    Live { model: "orders".into(), generation: 1, positions: positions.map(Position).into() }
}

fn put(cache: &Cache, key: Key, generation: i32, position: i64) {
    let epoch = cache.epoch("orders");
    cache.put(key, (epoch, generation, Position(position)), Arc::new("an answer"), 9);
}

fn touch(cache: &Cache, id: &str, position: i64) {
    touch_of(cache, id, None, position);
}

fn touch_of(cache: &Cache, id: &str, groups: Option<&[&str]>, position: i64) {
    let groups = groups.map(|groups| groups.iter().map(ToString::to_string).collect());
    cache.touched("orders", 1, (0, Position(position)), Keys::These(vec![id.into()]), groups);
}

#[test]
fn an_answer_that_was_read_before_a_touch_is_not_kept() {
    let cache = cache_at(10);
    touch(&cache, "a", 12);
    put(&cache, item("a"), 1, 11);
    assert!(cache.get(&item("a")).is_none());
    put(&cache, item("a"), 1, 12);
    assert_eq!(cache.get(&item("a")).expect("kept").1, Position(12));
}

#[test]
fn a_touch_removes_the_row_and_moves_the_others_forward() {
    let cache = cache_at(10);
    put(&cache, item("a"), 1, 10);
    put(&cache, item("b"), 1, 10);
    touch(&cache, "a", 11);
    assert!(cache.get(&item("a")).is_none());
    assert_eq!(cache.get(&item("b")).expect("kept").1, Position(11));
}

#[test]
fn a_list_lives_until_any_row_is_touched() {
    let cache = cache_at(10);
    let page = first_page();
    put(&cache, page.clone(), 1, 10);
    cache.touched("orders", 1, (0, Position(11)), Keys::These(vec![]), None);
    assert!(cache.get(&page).is_some());
    touch(&cache, "z", 12);
    assert!(cache.get(&page).is_none());
}

#[test]
fn a_list_of_a_group_lives_until_a_row_of_the_group_is_touched() {
    let cache = cache_at(10);
    let (alices, bobs) = (page_of(Some("alice")), page_of(Some("bob")));
    for page in [&alices, &bobs, &first_page()] {
        put(&cache, page.clone(), 1, 10);
    }
    touch_of(&cache, "a", Some(&["alice"]), 11);
    assert!(cache.get(&alices).is_none() && cache.get(&first_page()).is_none());
    assert_eq!(cache.get(&bobs).expect("kept").1, Position(11));
    put(&cache, alices.clone(), 1, 10);
    assert!(cache.get(&alices).is_none(), "it was read before the touch");
    put(&cache, alices.clone(), 1, 11);
    // A row that is of no group.
    touch_of(&cache, "g", Some(&[]), 12);
    assert!(cache.get(&alices).is_some() && cache.get(&bobs).is_some());
    // It is not told of which groups the row is.
    touch_of(&cache, "x", None, 13);
    assert!(cache.get(&alices).is_none() && cache.get(&bobs).is_none());
    put(&cache, bobs.clone(), 1, 13);
    cache.touched("orders", 1, (0, Position(14)), Keys::Any, None);
    assert!(cache.get(&bobs).is_none());
    put(&cache, bobs.clone(), 1, 13);
    assert!(cache.get(&bobs).is_none());
}

#[test]
fn a_partition_that_is_behind_does_not_bring_a_group_back() {
    let cache = cache_at(10);
    cache.live(live([10, 10]));
    let alices = page_of(Some("alice"));
    for (partition, position) in [(1, 14), (0, 12)] {
        let (keys, groups) = (Keys::These(vec![format!("order {position}")]), Some(vec!["alice".into()]));
        cache.touched("orders", 1, (partition, Position(position)), keys, groups);
    }
    put(&cache, alices.clone(), 1, 13);
    assert!(cache.get(&alices).is_none());
    put(&cache, alices.clone(), 1, 14);
    assert!(cache.get(&alices).is_some());
}

#[test]
fn a_group_that_was_forgotten_counts_as_touched() {
    let cache = cache_at(0);
    let (alices, last) = (page_of(Some("alice")), i64::try_from(MAX_TOUCHES).expect("small") + 5);
    put(&cache, alices.clone(), 1, 4);
    for n in 1..=last {
        touch_of(&cache, "a", Some(&[&format!("customer {n}")]), n);
    }
    assert!(cache.get(&alices).is_none());
    put(&cache, alices.clone(), 1, 5);
    assert_eq!(cache.get(&alices).expect("kept").1, Position(last));
}

#[test]
fn what_was_forgotten_counts_as_touched() {
    let cache = cache_at(0);
    for n in 1..=i64::try_from(MAX_TOUCHES).expect("small") + 5 {
        touch(&cache, &format!("k{n}"), n);
    }
    put(&cache, item("other"), 1, 4);
    assert!(cache.get(&item("other")).is_none());
    put(&cache, item("other"), 1, 5);
    assert!(cache.get(&item("other")).is_some());
}

#[test]
fn a_lost_listener_empties_the_cache_and_keeps_it_off() {
    let cache = cache_at(10);
    put(&cache, item("a"), 1, 10);
    cache.disable();
    put(&cache, item("b"), 1, 10);
    assert!(cache.get(&item("a")).is_none());
    cache.enable(vec![live([11])]);
    assert!(cache.get(&item("a")).is_none());
    assert!(cache.get(&item("b")).is_none());
}

#[test]
fn a_position_is_reached_when_every_partition_has_reached_it() {
    let cache = cache_at(10);
    cache.live(live([10, 12]));
    let seen = || cache.seen("orders").borrow().position;
    assert_eq!(seen(), Position(10));
    cache.touched("orders", 1, (1, Position(14)), Keys::These(vec!["b".into()]), None);
    // What shows b at 14 was read when the other partition was at 10.
    put(&cache, first_page(), 1, 10);
    put(&cache, item("b"), 1, 10);
    assert!(cache.get(&first_page()).is_none());
    assert!(cache.get(&item("b")).is_none());
    assert_eq!(seen(), Position(10));
    cache.touched("orders", 1, (0, Position(14)), Keys::These(vec![]), None);
    assert_eq!(seen(), Position(14));
    put(&cache, item("b"), 1, 14);
    assert!(cache.get(&item("b")).is_some());
}

#[test]
fn an_answer_of_another_generation_is_not_given() {
    let cache = cache_at(10);
    put(&cache, item("a"), 2, 10);
    assert!(cache.get(&item("a")).is_none());
}

#[test]
fn audiences_keep_their_own_answers_until_the_row_is_touched() {
    let cache = cache_at(10);
    put(&cache, item("a"), 1, 10);
    put(&cache, for_its_owner("a"), 1, 10);
    put(&cache, for_its_owner("b"), 1, 10);
    assert!(cache.get(&item("a")).is_some() && cache.get(&for_its_owner("a")).is_some());
    assert!(cache.get(&item("b")).is_none());
    touch(&cache, "a", 11);
    assert!(cache.get(&item("a")).is_none() && cache.get(&for_its_owner("a")).is_none());
    assert!(cache.get(&for_its_owner("b")).is_some());
}
