// Looks at what operators see, with the types of the document of their listener.

import createClient from "openapi-fetch";
import type { components, paths } from "./daybook-admin.js";

type ProjectionState = components["schemas"]["ProjectionState"];

const client = createClient<paths>({
  baseUrl: process.env["DAYBOOK_ADMIN_API"] ?? "http://127.0.0.1:9090",
  headers: { Authorization: `Bearer ${process.env["DAYBOOK_ADMIN_TOKEN"]}` },
});

const { data: projections, error } = await client.GET("/admin/projections");
if (error) throw new Error(error.detail);
const states: [string, ProjectionState][] = projections.map(({ name, status }) => [name, status]);
if (!states.some(([name]) => name === "orders")) throw new Error(`${states}`);

const { data: workers } = await client.GET("/admin/workers");
const failures: string[] = workers?.flatMap(({ last_error }) => last_error?.message ?? []) ?? [];
console.log(`${states.length} projections, ${workers?.length} workers, ${failures.length} failures`);

const missing = await client.GET("/admin/projections/{name}", { params: { path: { name: "nothing" } } });
switch (missing.error?.code) {
  case "not_found":
    break;
  default:
    throw new Error(`${missing.error?.code}`);
}

const revoked = await client.POST("/admin/revocations", { body: { revoked: { subject: "nobody" }, reason: "A judge tries it." } });
if (!revoked.data || !("subject" in revoked.data.revoked)) throw new Error(revoked.error?.detail);
