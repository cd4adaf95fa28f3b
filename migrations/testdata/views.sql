-- Every event, of whichever type.
events:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, type, payload
  FROM analytics.public_events

-- A product was entered into the catalogue. It is not for sale yet. The stream's id is its SKU.
product_created:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'name' AS name,
       payload->>'description' AS description,
       (payload->'price'->>'amount')::bigint AS price_amount,
       payload->'price'->>'currency' AS price_currency,
       payload->>'external_id' AS external_id,
       payload->'metadata' AS metadata
  FROM analytics.public_events
 WHERE type = 'ProductCreated'

-- The words for a product changed: this is the whole of them.
product_described:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'name' AS name,
       payload->>'description' AS description,
       payload->'metadata' AS metadata
  FROM analytics.public_events
 WHERE type = 'ProductDescribed'

-- The price in one currency changed, or is there for the first time. Orders that were placed keep theirs.
product_price_set:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       (payload->'price'->>'amount')::bigint AS price_amount,
       payload->'price'->>'currency' AS price_currency
  FROM analytics.public_events
 WHERE type = 'ProductPriceSet'

-- What the product is for taxes was said. Without it, it is `standard`.
product_tax_class_set:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'class' AS class
  FROM analytics.public_events
 WHERE type = 'ProductTaxClassSet'

-- A price was scheduled. While it holds, it takes the place of the one that is set in its currency.
product_price_scheduled:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'price_change' AS price_change,
       (payload->'price'->>'amount')::bigint AS price_amount,
       payload->'price'->>'currency' AS price_currency,
       payload->>'from' AS from,
       payload->>'until' AS until
  FROM analytics.public_events
 WHERE type = 'ProductPriceScheduled'

-- A price that was scheduled doesn't hold from now on.
product_price_change_cancelled:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'price_change' AS price_change
  FROM analytics.public_events
 WHERE type = 'ProductPriceChangeCancelled'

-- The product is for sale.
product_published:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload
  FROM analytics.public_events
 WHERE type = 'ProductPublished'

-- The product is not for sale any more.
product_unpublished:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload
  FROM analytics.public_events
 WHERE type = 'ProductUnpublished'

-- The product will never be for sale again, and doesn't change any more.
product_archived:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload
  FROM analytics.public_events
 WHERE type = 'ProductArchived'

-- Pieces came into the house. The stream's id is their SKU.
stock_received:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       (payload->>'quantity')::bigint AS quantity,
       payload->>'reference' AS reference
  FROM analytics.public_events
 WHERE type = 'StockReceived'

-- The number of pieces in the house was corrected.
stock_adjusted:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       (payload->>'delta')::bigint AS delta,
       payload->>'reason' AS reason
  FROM analytics.public_events
 WHERE type = 'StockAdjusted'

-- Pieces are kept for an order that was placed: nobody else can have them.
stock_held:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'order' AS order,
       (payload->>'quantity')::bigint AS quantity
  FROM analytics.public_events
 WHERE type = 'StockHeld'

-- Pieces that were held for an order are free again.
stock_hold_released:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'order' AS order,
       (payload->>'quantity')::bigint AS quantity
  FROM analytics.public_events
 WHERE type = 'StockHoldReleased'

-- Pieces that were held are allocated, because their order was confirmed.
stock_allocated:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'order' AS order,
       (payload->>'quantity')::bigint AS quantity
  FROM analytics.public_events
 WHERE type = 'StockAllocated'

-- Pieces that were allocated to an order are free again.
stock_allocation_released:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'order' AS order,
       (payload->>'quantity')::bigint AS quantity
  FROM analytics.public_events
 WHERE type = 'StockAllocationReleased'

-- Pieces have left the house for an order.
stock_shipped:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'order' AS order,
       (payload->>'quantity')::bigint AS quantity
  FROM analytics.public_events
 WHERE type = 'StockShipped'

-- An order was placed, and its stock is held. The stream's id is the order's.
order_placed:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'customer' AS customer,
       payload->'lines' AS lines,
       payload->>'currency' AS currency,
       (payload->'total'->>'amount')::bigint AS total_amount,
       payload->'total'->>'currency' AS total_currency,
       payload->>'override_reason' AS override_reason,
       payload->'sealed_override_reason'->>'key_id' AS sealed_override_reason_key_id,
       payload->'sealed_override_reason'->>'data' AS sealed_override_reason_data,
       payload->'contact'->>'key_id' AS contact_key_id,
       payload->'contact'->>'data' AS contact_data,
       payload->'ship_to'->>'key_id' AS ship_to_key_id,
       payload->'ship_to'->>'data' AS ship_to_data,
       payload->>'external_id' AS external_id,
       payload->'metadata' AS metadata,
       payload->>'pay_until' AS pay_until,
       payload->'terms'->>'mode' AS terms_mode,
       payload->'terms'->>'tax_date' AS terms_tax_date,
       payload->'terms'->>'country' AS terms_country,
       payload->'terms'->>'region' AS terms_region,
       payload->'terms'->>'taxed_in' AS terms_taxed_in,
       payload->'terms'->>'buyer' AS terms_buyer,
       payload->'terms'->>'vat_id_state' AS terms_vat_id_state,
       payload->'terms'->'groups' AS terms_groups,
       payload->'terms'->'lines' AS terms_lines,
       payload->'terms'->'fees' AS terms_fees,
       (payload->'terms'->>'goods')::bigint AS terms_goods,
       (payload->'terms'->>'discount')::bigint AS terms_discount,
       (payload->'terms'->>'tax')::bigint AS terms_tax,
       (payload->'terms'->>'total')::bigint AS terms_total,
       payload->'buyer'->>'key_id' AS buyer_key_id,
       payload->'buyer'->>'data' AS buyer_data
  FROM analytics.public_events
 WHERE type = 'OrderPlaced'

-- The order was confirmed, and its stock is allocated.
order_confirmed:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload
  FROM analytics.public_events
 WHERE type = 'OrderConfirmed'

-- The order was cancelled, and its stock is free again.
order_cancelled:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'reason' AS reason,
       payload->'sealed_reason'->>'key_id' AS sealed_reason_key_id,
       payload->'sealed_reason'->>'data' AS sealed_reason_data,
       payload->>'cause' AS cause
  FROM analytics.public_events
 WHERE type = 'OrderCancelled'

-- A part of the order, or all that was left of it, has left the house.
order_shipped:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->'parcels' AS parcels,
       payload->>'tracking' AS tracking,
       payload->'sealed_tracking'->>'key_id' AS sealed_tracking_key_id,
       payload->'sealed_tracking'->>'data' AS sealed_tracking_data,
       (payload->>'complete')::boolean AS complete
  FROM analytics.public_events
 WHERE type = 'OrderShipped'

-- Pieces that were not shipped were cancelled, and their stock is free again. The rest of the order stays. If nothing is left of an order that was shipped in part, it is shipped.
order_lines_cancelled:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->'parcels' AS parcels,
       payload->>'reason' AS reason,
       payload->'sealed_reason'->>'key_id' AS sealed_reason_key_id,
       payload->'sealed_reason'->>'data' AS sealed_reason_data
  FROM analytics.public_events
 WHERE type = 'OrderLinesCancelled'

-- The order has arrived.
order_delivered:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload
  FROM analytics.public_events
 WHERE type = 'OrderDelivered'

-- A guest's order is a customer's from now on.
order_claimed:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'customer' AS customer
  FROM analytics.public_events
 WHERE type = 'OrderClaimed'

-- A person has registered. They can log in when the address is verified. The stream's id is the account's.
account_registered:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->'email'->>'key_id' AS email_key_id,
       payload->'email'->>'data' AS email_data,
       payload->'name'->>'key_id' AS name_key_id,
       payload->'name'->>'data' AS name_data,
       payload->'roles' AS roles
  FROM analytics.public_events
 WHERE type = 'AccountRegistered'

-- Another e-mail address is to be verified. The one that was verified before stays until then.
account_address_change_requested:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->'email'->>'key_id' AS email_key_id,
       payload->'email'->>'data' AS email_data
  FROM analytics.public_events
 WHERE type = 'AccountAddressChangeRequested'

-- The e-mail address that was named last is verified. The first time, the account can be used from now on.
account_address_verified:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload
  FROM analytics.public_events
 WHERE type = 'AccountAddressVerified'

-- The account has another password.
account_password_changed:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'why' AS why
  FROM analytics.public_events
 WHERE type = 'AccountPasswordChanged'

-- What the person says of themselves has changed: this is the whole of it.
account_described:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->'name'->>'key_id' AS name_key_id,
       payload->'name'->>'data' AS name_data,
       payload->>'language' AS language,
       (payload->>'news')::boolean AS news
  FROM analytics.public_events
 WHERE type = 'AccountDescribed'

-- There is another second factor to log in with.
account_second_factor_added:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'kind' AS kind
  FROM analytics.public_events
 WHERE type = 'AccountSecondFactorAdded'

-- A second factor is no longer there.
account_second_factor_removed:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'kind' AS kind
  FROM analytics.public_events
 WHERE type = 'AccountSecondFactorRemoved'

-- The person can log in at another issuer, too.
account_identity_linked:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'provider' AS provider
  FROM analytics.public_events
 WHERE type = 'AccountIdentityLinked'

-- The person can't log in as one whom another issuer knows any more.
account_identity_unlinked:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'provider' AS provider
  FROM analytics.public_events
 WHERE type = 'AccountIdentityUnlinked'

-- The account has one more role.
account_role_granted:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'role' AS role,
       payload->'reason'->>'key_id' AS reason_key_id,
       payload->'reason'->>'data' AS reason_data
  FROM analytics.public_events
 WHERE type = 'AccountRoleGranted'

-- The account has a role no longer.
account_role_revoked:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'role' AS role,
       payload->'reason'->>'key_id' AS reason_key_id,
       payload->'reason'->>'data' AS reason_data
  FROM analytics.public_events
 WHERE type = 'AccountRoleRevoked'

-- The account has another key for programs.
account_key_issued:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'key' AS key,
       payload->'name'->>'key_id' AS name_key_id,
       payload->'name'->>'data' AS name_data,
       payload->'scopes' AS scopes,
       payload->>'expires_at' AS expires_at,
       payload->>'replaces' AS replaces
  FROM analytics.public_events
 WHERE type = 'AccountKeyIssued'

-- The key can't be used any more.
account_key_revoked:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'key' AS key
  FROM analytics.public_events
 WHERE type = 'AccountKeyRevoked'

-- All sessions that the account had at that time have ended.
account_sessions_ended:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'why' AS why
  FROM analytics.public_events
 WHERE type = 'AccountSessionsEnded'

-- The person has left, and what was known of them can't be read any more.
account_erased:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload
  FROM analytics.public_events
 WHERE type = 'AccountErased'

-- How things of a class are taxed in a country from a day on. The stream's id is the country, ISO 3166-1 alpha-2.
tax_rate_set:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload,
       payload->>'class' AS class,
       payload->>'region' AS region,
       payload->>'valid_from' AS valid_from,
       (payload->>'rate_ppm')::bigint AS rate_ppm,
       payload->>'reason' AS reason
  FROM analytics.public_events
 WHERE type = 'TaxRateSet'

-- Something that is not public, or that this release doesn't know.
internal:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, payload
  FROM analytics.public_events
 WHERE type = 'Internal'

-- What was ordered, as it was then: later changes of the catalogue don't touch it. Numbers count from 0.
order_lines:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, item.number - 1 AS number,
       item.value->>'sku' AS sku,
       item.value->>'name' AS name,
       (item.value->>'quantity')::bigint AS quantity,
       (item.value->'unit_price'->>'amount')::bigint AS unit_price_amount,
       item.value->'unit_price'->>'currency' AS unit_price_currency,
       (item.value->'list_price'->>'amount')::bigint AS list_price_amount,
       item.value->'list_price'->>'currency' AS list_price_currency
  FROM analytics.public_events
 CROSS JOIN LATERAL jsonb_array_elements(payload->'lines') WITH ORDINALITY AS item(value, number)
 WHERE type = 'OrderPlaced'

-- What left the house, by line. Numbers count from 0.
order_shipped_parcels:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, item.number - 1 AS number,
       (item.value->>'line')::bigint AS line,
       item.value->>'sku' AS sku,
       (item.value->>'quantity')::bigint AS quantity
  FROM analytics.public_events
 CROSS JOIN LATERAL jsonb_array_elements(payload->'parcels') WITH ORDINALITY AS item(value, number)
 WHERE type = 'OrderShipped'

-- What was cancelled, by line. Numbers count from 0.
order_lines_cancelled_parcels:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, item.number - 1 AS number,
       (item.value->>'line')::bigint AS line,
       item.value->>'sku' AS sku,
       (item.value->>'quantity')::bigint AS quantity
  FROM analytics.public_events
 CROSS JOIN LATERAL jsonb_array_elements(payload->'parcels') WITH ORDINALITY AS item(value, number)
 WHERE type = 'OrderLinesCancelled'

-- The roles that it begins with. Numbers count from 0.
account_registered_roles:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, item.number - 1 AS number,
       item.value->>'role' AS role
  FROM analytics.public_events
 CROSS JOIN LATERAL jsonb_array_elements(payload->'roles') WITH ORDINALITY AS item(value, number)
 WHERE type = 'AccountRegistered'

-- What it may be used for, as far as its account may do that. Numbers count from 0.
account_key_issued_scopes:
SELECT position, recorded_at, stream, substr(stream, strpos(stream, '/') + 1) AS id, sequence, event_id, version, item.number - 1 AS number,
       item.value->>'rule' AS rule
  FROM analytics.public_events
 CROSS JOIN LATERAL jsonb_array_elements(payload->'scopes') WITH ORDINALITY AS item(value, number)
 WHERE type = 'AccountKeyIssued'
