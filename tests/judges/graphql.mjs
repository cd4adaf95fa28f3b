// Holds GraphQL against the audits of `graphql-http` (GraphQL over HTTP), and its schema against the reference
// implementation, which must build it from what the server says of it.

import { readFileSync } from "node:fs";

import { buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema, validateSchema } from "graphql";
import { auditServer } from "graphql-http";

const url = `${process.env.API}/graphql`;
const findings = [];

const audits = await auditServer({ url });
for (const { id, name, status, reason } of audits) {
  if (status !== "ok") findings.push(`${id} ${name}: ${reason}`);
}
if (audits.length < 60) findings.push(`there were ${audits.length} audits only`);

const query = getIntrospectionQuery({ specifiedByUrl: true, directiveIsRepeatable: true, inputValueDeprecation: true });
const answer = await fetch(url, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ query }),
});
const { data, errors } = await answer.json();
if (errors) findings.push(...errors.map(({ message }) => message));
const told = buildClientSchema(data);
findings.push(...validateSchema(told).map(({ message }) => message));
const written = (schema) => printSchema(lexicographicSortSchema(schema));
const underReview = buildSchema(readFileSync(process.env.SCHEMA, "utf8"));
if (written(told) !== written(underReview)) findings.push("the server tells another schema than the one under review");

console.log(findings.join("\n"));
console.log(`${audits.length} audits, ${findings.length} findings`);
process.exit(findings.length > 0 ? 1 : 0);
