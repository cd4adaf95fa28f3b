//! The columns of a type of event: what every event has, then the members of its payload, from the same definitions as
//! all that is told of public events. Nothing is required, so that files of different releases fit together.

use std::{io::Cursor, sync::Arc};

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder},
};
use arrow_json::ReaderBuilder;
use arrow_schema::{ArrowError, DataType, Field as Column, Fields, Schema, SchemaRef, TimeUnit};
use daybook_domain::published::{self, Field, Published, Shape};

/// Rows that are made into columns at a time.
const BATCH_ROWS: usize = 8_192;
/// The same, by the size of their payloads.
const BATCH_BYTES: usize = 8 << 20;

/// Rows of one type, on their way into columns.
pub(super) struct Rows {
    schema: SchemaRef,
    payload_schema: SchemaRef,
    /// The version that the payload's columns are of.
    version: Option<u16>,
    position: Int64Builder,
    recorded_at: TimestampMicrosecondBuilder,
    stream: StringBuilder,
    id: StringBuilder,
    sequence: Int64Builder,
    event_id: StringBuilder,
    event_version: Int32Builder,
    actor: StringBuilder,
    request_id: StringBuilder,
    trace_id: StringBuilder,
    payload: StringBuilder,
    /// The payloads, as lines.
    lines: Vec<u8>,
    count: usize,
}

/// A type that this release doesn't know has no columns of its own.
pub(super) fn schema_of(name: &str) -> Schema {
    let text = |name: &str| Column::new(name, DataType::Utf8, true);
    let mut columns = vec![
        Column::new("position", DataType::Int64, false),
        Column::new("recorded_at", time(), false),
        text("stream"),
        text("id"),
        Column::new("sequence", DataType::Int64, false),
        text("event_id"),
        Column::new("version", DataType::Int32, false),
        text("actor"),
        text("request_id"),
        text("trace_id"),
        text("payload"),
    ];
    columns.extend(columns_of(fields_of(name)));
    Schema::new(columns)
}

fn fields_of(name: &str) -> &'static [Field] {
    published::types().find(|public| public.name == name).map_or(&[], |public| public.fields)
}

fn columns_of(fields: &[Field]) -> Vec<Column> {
    fields.iter().map(|field| Column::new(field.name, data_type(&field.shape), true)).collect()
}

fn data_type(shape: &Shape) -> DataType {
    let object = |fields: &[Field]| DataType::Struct(Fields::from(columns_of(fields)));
    match shape {
        Shape::Text => DataType::Utf8,
        Shape::Integer => DataType::Int64,
        Shape::Boolean => DataType::Boolean,
        Shape::Object(fields) => object(fields),
        Shape::Objects(fields) => DataType::List(Arc::new(Column::new("item", object(fields), true))),
        Shape::Texts => {
            let members = Fields::from(vec![
                Column::new("key", DataType::Utf8, false),
                Column::new("value", DataType::Utf8, true),
            ]);
            DataType::Map(Arc::new(Column::new("entries", DataType::Struct(members), false)), false)
        }
    }
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl Rows {
    pub fn of(name: &str) -> Self {
        let public = published::types().find(|public| public.name == name);
        Self {
            schema: Arc::new(schema_of(name)),
            payload_schema: Arc::new(Schema::new(columns_of(fields_of(name)))),
            version: public.map(|public| public.version),
            position: Int64Builder::new(),
            recorded_at: TimestampMicrosecondBuilder::new().with_data_type(time()),
            stream: StringBuilder::new(),
            id: StringBuilder::new(),
            sequence: Int64Builder::new(),
            event_id: StringBuilder::new(),
            event_version: Int32Builder::new(),
            actor: StringBuilder::new(),
            request_id: StringBuilder::new(),
            trace_id: StringBuilder::new(),
            payload: StringBuilder::new(),
            lines: Vec::new(),
            count: 0,
        }
    }

    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub fn is_full(&self) -> bool {
        self.count >= BATCH_ROWS || self.lines.len() >= BATCH_BYTES
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn push(&mut self, event: &Published<'_>) {
        let public = |name| event.metadata.get(name).copied();
        let payload = event.payload.get();
        self.position.append_value(event.position.0);
        self.recorded_at.append_value(event.recorded_at.timestamp_micros());
        self.id.append_option(event.stream.split_once('/').map(|(_, id)| id));
        self.stream.append_value(&event.stream);
        self.sequence.append_value(event.sequence);
        self.event_id.append_value(event.event_id.hyphenated().to_string());
        self.event_version.append_value(event.version.into());
        self.actor.append_option(public("actor"));
        self.request_id.append_option(public("request_id"));
        self.trace_id.append_option(public("traceparent").and_then(|parent| parent.split('-').nth(1)));
        self.payload.append_value(payload);
        // The columns of one version say nothing of another one's members.
        let line = if self.version == Some(event.version) { payload } else { "{}" };
        self.lines.extend_from_slice(line.as_bytes());
        self.lines.push(b'\n');
        self.count += 1;
    }

    /// What was pushed, as columns.
    pub fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.position.finish()),
            Arc::new(self.recorded_at.finish()),
            Arc::new(self.stream.finish()),
            Arc::new(self.id.finish()),
            Arc::new(self.sequence.finish()),
            Arc::new(self.event_id.finish()),
            Arc::new(self.event_version.finish()),
            Arc::new(self.actor.finish()),
            Arc::new(self.request_id.finish()),
            Arc::new(self.trace_id.finish()),
            Arc::new(self.payload.finish()),
        ];
        let (lines, count) = (std::mem::take(&mut self.lines), std::mem::take(&mut self.count));
        if !self.payload_schema.fields().is_empty() {
            let reader = ReaderBuilder::new(self.payload_schema.clone())
                .with_batch_size(count)
                // A member of another shape is in the payload's text, and in no column.
                .with_ignore_type_conflicts(true)
                .build(Cursor::new(lines))?;
            for batch in reader {
                columns.extend_from_slice(batch?.columns());
            }
        }
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}

#[cfg(test)]
mod tests;
