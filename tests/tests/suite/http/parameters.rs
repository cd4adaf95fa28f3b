//! What is wrong with a query string is told by the parameter's name and what it may be.

use daybook_domain::policy::Role;
use daybook_tests::TestApp;

use super::orders::{order, place};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_parameter_is_named_with_what_it_may_be() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let (admin, operator) = (app.by(Role::Admin), app.operator());
    let order = format!("/v1/orders/{}", place(&admin, order(&[("TEA-1", 1)])).await);
    let limit = "limit is 1 to 100";
    // Numbers, wherever they are asked for.
    for path in [
        "/v1/orders",
        "/v1/products",
        "/v1/events",
        "/v1/products/TEA-1/history",
        "/v1/stock/TEA-1/history",
        &format!("{order}/history"),
    ] {
        for bad in ["x", "", "0", "101", "-1", "1.5", "99999999999999999999"] {
            let reply = admin.get(&format!("{path}?limit={bad}")).await;
            assert_eq!(reply.refusal(), "400 malformed_request", "{path} {bad}");
            assert_eq!(reply.json()["detail"], limit, "{path} {bad}");
        }
    }
    let after = "after is a position: 0 or more";
    let as_of = "as_of is a time of RFC 3339, such as 2030-01-31T12:00:00Z";
    let as_of_position = "as_of_position is a position: 0 or more";
    let status = "status is one of `placed`, `confirmed`, `partly_shipped`, `shipped`, `delivered`, \
                  `cancelled`";
    let all = "all is true or false";
    for (client, path, expected) in [
        (&admin, "/v1/events?after=x", after),
        (&admin, "/v1/events?after=-1", after),
        (&admin, "/v1/products/TEA-1?as_of=yesterday", as_of),
        (&admin, "/v1/stock/TEA-1?as_of=", as_of),
        (&admin, "/v1/products/TEA-1?as_of_position=x", as_of_position),
        (&admin, "/v1/stock/TEA-1?as_of_position=-1", as_of_position),
        (&admin, &format!("{order}?as_of_position=1e3"), as_of_position),
        (&admin, "/v1/orders?status=lost", status),
        (&admin, "/v1/orders?status=", status),
        (&operator, "/admin/dead-letters?all=yes", all),
        (&operator, "/admin/dead-letters?all=", all),
    ] {
        let reply = client.get(path).await;
        assert_eq!(reply.refusal(), "400 malformed_request", "{path}");
        assert_eq!(reply.json()["detail"], expected, "{path}");
    }
    for (client, path) in [
        (&admin, "/v1/orders?limit=1&status=placed"),
        (&admin, "/v1/events?limit=100&after=0"),
        (&operator, "/admin/dead-letters?all=true"),
        (&operator, "/admin/dead-letters?all=false"),
    ] {
        client.get(path).await.expect(200);
    }
}
