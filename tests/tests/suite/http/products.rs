use daybook_domain::policy::Role;
use daybook_tests::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_product_goes_from_draft_to_shop_window_to_archive() {
    let app = TestApp::start().await;
    let merchandiser = app.by(Role::Merchandiser);
    let created = merchandiser
        .post(
            "/v1/products",
            json!({"sku": "TEA-1", "name": "Earl Grey", "description": "100 g", "external_id": "shop-7",
                   "price": {"amount": 1999, "currency": "EUR"}, "metadata": {"colour": "black"}}),
        )
        .await
        .expect(201);
    assert_eq!(created.header("location"), Some("/v1/products/TEA-1"));
    assert_eq!(created.header("etag"), Some("\"1\""));
    let receipt = created.json();
    assert_eq!(receipt["id"], "TEA-1");
    assert_eq!((&receipt["sku"], &receipt["version"]), (&json!("TEA-1"), &json!(1)));
    assert_eq!(receipt["position"], created.position());

    // A draft is there for merchandisers only.
    app.anonymous.get("/v1/products/TEA-1").await.expect(404);
    app.by(Role::Support).get("/v1/products/TEA-1").await.expect(404);
    let draft = merchandiser.get("/v1/products/TEA-1").await.expect(200);
    assert_eq!(draft.header("cache-control"), Some("no-store"));
    assert_eq!(draft.json()["status"], "draft");
    assert_eq!(app.anonymous.get("/v1/products").await.expect(200).json()["data"], json!([]));

    merchandiser.post("/v1/products/TEA-1/publication", json!({})).await.expect(200);
    let shown = app.anonymous.get("/v1/products/TEA-1").await.expect(200);
    assert!(shown.header("cache-control").unwrap().contains("public, max-age="));
    let product = shown.json();
    assert_eq!(product["status"], "published");
    assert_eq!(product["price"], json!({"amount": 1999, "currency": "EUR"}));
    assert_eq!(product["metadata"], json!({"colour": "black"}));
    assert_eq!(product["external_id"], "shop-7");

    merchandiser
        .patch("/v1/products/TEA-1", json!({"name": "Lady Grey", "metadata": {"colour": "blue"}}))
        .await
        .expect(200);
    merchandiser
        .put("/v1/products/TEA-1/price", json!({"amount": 2500, "currency": "JPY"}))
        .await
        .expect(200);
    let product = app.anonymous.get("/v1/products/TEA-1").await.expect(200).json();
    assert_eq!((&product["name"], &product["description"]), (&json!("Lady Grey"), &json!("100 g")));
    assert_eq!(product["price"]["currency"], "EUR");
    assert!(product["prices"].as_array().unwrap().contains(&json!({"amount": 2500, "currency": "JPY"})));

    // RFC 7396: null removes what a product may be without.
    let nameless = merchandiser.patch("/v1/products/TEA-1", json!({"name": null})).await;
    assert_eq!(nameless.refusal(), "422 validation_failed /name invalid_type");
    merchandiser.patch("/v1/products/TEA-1", json!({"description": null})).await.expect(200);
    let product = app.anonymous.get("/v1/products/TEA-1").await.expect(200).json();
    assert_eq!((&product["description"], &product["metadata"]), (&json!(""), &json!({"colour": "blue"})));
    merchandiser.patch("/v1/products/TEA-1", json!({"metadata": null})).await.expect(200);
    let product = app.anonymous.get("/v1/products/TEA-1").await.expect(200).json();
    assert_eq!((&product["name"], &product["metadata"]), (&json!("Lady Grey"), &json!({})));

    merchandiser.delete("/v1/products/TEA-1/publication").await.expect(200);
    app.anonymous.get("/v1/products/TEA-1").await.expect(404);
    merchandiser.post("/v1/products/TEA-1/archival", json!({})).await.expect(200);
    let refused = merchandiser.post("/v1/products/TEA-1/publication", json!({})).await;
    assert_eq!(refused.refusal(), "422 product_archived");
    assert_eq!(merchandiser.get("/v1/products/TEA-1").await.json()["status"], "archived");
}

/// RFC 7396, section 2: what is an object is merged, in either media type.
#[tokio::test(flavor = "multi_thread")]
async fn a_patch_merges_metadata() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1).await;
    let (merchandiser, path) = (app.by(Role::Merchandiser), "/v1/products/TEA-1");
    let patch = async |media_type: &str, key: &str, metadata: &Value| {
        let body = json!({"metadata": metadata}).to_string();
        let request = merchandiser.request(Method::PATCH, path).header("idempotency-key", key);
        merchandiser.send(request.header("content-type", media_type).body(body)).await
    };
    let shown = async || merchandiser.get(path).await.expect(200).json()["metadata"].clone();
    for (number, media_type) in ["application/json", "application/merge-patch+json"].into_iter().enumerate() {
        for (step, (given, merged)) in [
            (json!({"colour": "black", "origin": "China"}), json!({"colour": "black", "origin": "China"})),
            (json!({"grade": "A"}), json!({"colour": "black", "origin": "China", "grade": "A"})),
            (json!({"colour": "green"}), json!({"colour": "green", "origin": "China", "grade": "A"})),
            (json!({"origin": null, "absent": null}), json!({"colour": "green", "grade": "A"})),
            (json!({"grade": null, "size": "S"}), json!({"colour": "green", "size": "S"})),
            (Value::Null, json!({})),
        ]
        .into_iter()
        .enumerate()
        {
            let done = patch(media_type, &format!("{number}-{step}"), &given).await.expect(200);
            assert_eq!(shown().await, merged, "{media_type} {given}");
            let etag = done.header("etag").map(str::to_owned);
            for without_effect in [json!({}), json!({"absent": null})] {
                let same = merchandiser.patch(path, json!({ "metadata": without_effect })).await.expect(200);
                assert_eq!(same.header("etag").map(str::to_owned), etag, "it appends nothing");
            }
        }
    }
    // A repeat is answered, and is not done again: what came after it stays.
    let removal = patch("application/json", "R", &json!({"colour": null})).await.expect(200);
    merchandiser.patch(path, json!({"metadata": {"colour": "red"}})).await.expect(200);
    let repeat = patch("application/json", "R", &json!({"colour": null})).await.expect(200);
    assert_eq!((repeat.header("idempotent-replayed"), &repeat.body), (Some("true"), &removal.body));
    assert_eq!(shown().await, json!({"colour": "red"}));
    for other in [json!({}), json!({"colour": ""}), Value::Null] {
        let refused = patch("application/json", "R", &other).await.refusal();
        assert_eq!(refused, "422 idempotency_key_reused", "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_metadata_is_as_large_as_metadata_may_be() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1).await;
    let (merchandiser, path) = (app.by(Role::Merchandiser), "/v1/products/TEA-1");
    let patch = async |metadata: Value| merchandiser.patch(path, json!({ "metadata": metadata })).await;
    let pairs = |keys: std::ops::Range<usize>, value: Value| {
        Value::Object(keys.map(|key| (format!("k{key:02}"), value.clone())).collect())
    };
    patch(pairs(0..20, json!("x"))).await.expect(200);
    let too_many = patch(json!({"one": "more"})).await;
    assert_eq!(too_many.status, 422);
    assert_eq!(too_many.json()["errors"][0]["pointer"], "/metadata");
    assert_eq!(
        too_many.json()["detail"],
        "with what it has and what is new, metadata has 21 pairs; at most 20 are allowed"
    );
    patch(json!({"one": "more", "k00": null})).await.expect(200);
    let too_large = patch(json!({"k01": "x".repeat(2_000), "k02": "x".repeat(2_050)})).await;
    assert_eq!((too_large.status, &too_large.json()["errors"][0]["pointer"]), (422, &json!("/metadata")));
    for (bad, pointer) in [
        (pairs(0..21, json!("x")), "/metadata"),
        (pairs(0..21, Value::Null), "/metadata"),
        (json!({"": null}), "/metadata"),
        (json!({"a": "b\u{2028}"}), "/metadata"),
        (json!({"a": 1}), "/metadata/a"),
        (json!({"a": {"b": null}}), "/metadata/a"),
    ] {
        let refused = patch(bad.clone()).await;
        assert_eq!(
            (refused.status, &refused.json()["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{bad}"
        );
    }
    patch(pairs(1..20, Value::Null)).await.expect(200);
    assert_eq!(merchandiser.get(path).await.json()["metadata"], json!({"one": "more"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sku_and_an_external_id_are_taken_once() {
    let app = TestApp::start().await;
    let merchandiser = app.by(Role::Merchandiser);
    let product = |sku: &str, external: &str| json!({"sku": sku, "name": "A", "external_id": external, "price": {"amount": 1, "currency": "EUR"}});
    merchandiser.post("/v1/products", product("A", "1")).await.expect(201);
    let same_sku = merchandiser.post("/v1/products", product("A", "2")).await;
    assert_eq!(same_sku.refusal(), "409 already_exists");
    let same_id = merchandiser.post("/v1/products", product("B", "1")).await;
    assert!(same_id.refusal().starts_with("409 already_exists"), "{}", same_id.text());
    merchandiser.get("/v1/products/B").await.expect(404);
    // Codes that differ only in case are different codes.
    merchandiser.post("/v1/products", product("a", "3")).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_can_be_searched() {
    let app = TestApp::start().await;
    for (sku, name) in
        [("TEA-1", "Earl Grey"), ("TEA-2", "Lapsang"), ("CUP-1", "Cup, 100% china"), ("X_1", "Grey_cat")]
    {
        let merchandiser = app.by(Role::Merchandiser);
        let product = json!({"sku": sku, "name": name, "price": {"amount": 1, "currency": "EUR"}});
        merchandiser.post("/v1/products", product).await.expect(201);
        merchandiser.post(&format!("/v1/products/{sku}/publication"), json!({})).await.expect(200);
    }
    let found = async |q: &str| {
        let page = app.anonymous.get(&format!("/v1/products?q={q}")).await.expect(200).json();
        let skus = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|product| product["sku"].as_str().unwrap().to_owned());
        skus.collect::<Vec<_>>()
    };
    assert_eq!(found("").await, ["CUP-1", "TEA-1", "TEA-2", "X_1"]);
    assert_eq!(found("grey").await, ["TEA-1", "X_1"]);
    assert_eq!(found("TEA-").await, ["TEA-1", "TEA-2"]);
    // Not patterns of SQL.
    assert_eq!(found("100%25").await, ["CUP-1"]);
    assert_eq!(found("%25").await, ["CUP-1"]);
    assert_eq!(found("y_c").await, ["X_1"]);
    assert_eq!(found("nothing%20like%20it").await, Vec::<String>::new());
}

/// Compatibility forms and case make no difference (NFKC with case folding), and what is given is shown.
#[tokio::test(flavor = "multi_thread")]
async fn names_are_found_however_they_are_written() {
    let app = TestApp::start().await;
    let merchandiser = app.by(Role::Merchandiser);
    let names = [
        ("CAFE-1", "Cafe\u{301} cre\u{300}me"),
        ("CAFE-2", "CAF\u{c9} noir"),
        ("STR", "Gro\u{df}e Tasse"),
        ("SIGMA", "ΟΔΟΣ"),
        ("WIDE", "\u{ff34}\u{ff25}\u{ff21} \u{fb01}ne"),
        ("DOT", "İstanbul"),
        ("SOFT", "Tee\u{ad}kanne"),
    ];
    for (sku, name) in names {
        let product = json!({"sku": sku, "name": name, "price": {"amount": 1, "currency": "EUR"}});
        merchandiser.post("/v1/products", product).await.expect(201);
        merchandiser.post(&format!("/v1/products/{sku}/publication"), json!({})).await.expect(200);
        assert_eq!(merchandiser.get(&format!("/v1/products/{sku}")).await.json()["name"], name);
    }
    let mut differences = Vec::new();
    for (q, expected) in [
        ("CAF\u{c9}", vec!["CAFE-1", "CAFE-2"]),
        ("cafe\u{301}", vec!["CAFE-1", "CAFE-2"]),
        ("cr\u{c8}ME", vec!["CAFE-1"]),
        ("grosse", vec!["STR"]),
        ("GROSSE", vec!["STR"]),
        ("gro\u{1e9e}e", vec!["STR"]),
        ("οδος", vec!["SIGMA"]),
        ("οδοσ", vec!["SIGMA"]),
        ("tea fine", vec!["WIDE"]),
        ("TEA \u{fb01}", vec!["WIDE"]),
        ("teekanne", vec!["SOFT"]),
        ("i\u{307}stanbul", vec!["DOT"]),
        ("cafe-", vec!["CAFE-1", "CAFE-2"]),
    ] {
        let encoded: String = q.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let page = merchandiser.get(&format!("/v1/products?q={encoded}")).await.expect(200).json();
        let found: Vec<String> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["sku"].as_str().unwrap().to_owned())
            .collect();
        if found != expected {
            differences.push(format!("{q}: {found:?}"));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_id_is_taken_in_every_spelling() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let (merchandiser, support) = (app.by(Role::Merchandiser), app.by(Role::Support));
    let product = |sku: &str, id: &str| json!({"sku": sku, "name": "A", "external_id": id, "price": {"amount": 1, "currency": "EUR"}});
    merchandiser.post("/v1/products", product("A", "Stra\u{df}e-É")).await.expect(201);
    for (sku, same) in
        [("B", "STRASSE-É"), ("C", "strasse-e\u{301}"), ("D", "\u{ff33}traße-é"), ("E", "Stra\u{df}e-É")]
    {
        let reply = merchandiser.post("/v1/products", product(sku, same)).await;
        assert!(reply.refusal().starts_with("409 already_exists"), "{same}: {}", reply.text());
    }
    assert_eq!(merchandiser.get("/v1/products/A").await.expect(200).json()["external_id"], "Stra\u{df}e-É");
    let order =
        |id: &str| json!({"lines": [{"sku": "TEA-1", "quantity": 1}], "currency": "EUR", "external_id": id});
    support.post("/v1/orders", order("Inv-1")).await.expect(201);
    for same in ["INV-1", "inv-1", "Inv-\u{ff11}", "Inv-1"] {
        let reply = support.post("/v1/orders", order(same)).await;
        assert_eq!(reply.refusal(), "409 already_exists /external_id already_exists", "{same}");
    }
    support.post("/v1/orders", order("Inv-2")).await.expect(201);
}

/// Catches: an id that release 0.1 gave, under the text as it came, and that can be given once more.
#[tokio::test(flavor = "multi_thread")]
async fn an_external_id_that_was_taken_before_stays_taken() {
    let app = TestApp::start().await;
    let merchandiser = app.by(Role::Merchandiser);
    let product = |sku: &str, id: &str| json!({"sku": sku, "name": "A", "external_id": id, "price": {"amount": 1, "currency": "EUR"}});
    merchandiser.post("/v1/products", product("A", "first")).await.expect(201);
    // As release 0.1 takes it: `ABC-É` alone.
    app.database
        .execute(
            "INSERT INTO events SELECT (jsonb_populate_record(e, jsonb_build_object('position', e.position + 1,
                    'event_id', gen_random_uuid(), 'aggregate_id', 'product:ABC-É'))).*
               FROM events e WHERE aggregate_id = 'product:first'",
        )
        .await;
    for sku in ["B", "C"] {
        let again = merchandiser.post("/v1/products", product(sku, "ABC-É")).await;
        assert!(again.refusal().starts_with("409 already_exists"), "{}", again.text());
    }
    // And what this release takes is taken for release 0.1, which asks for the text as it came.
    merchandiser.post("/v1/products", product("D", "DEF")).await.expect(201);
    for key in ["product:def", "product:DEF"] {
        let sql = format!(
            "SELECT count(*) FROM events WHERE aggregate_type = 'external_id' AND aggregate_id = '{key}'"
        );
        assert_eq!(app.database.count(&sql).await, 1, "{key}");
    }
}
