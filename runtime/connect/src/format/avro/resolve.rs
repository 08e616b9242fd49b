//! A writer's schema held against a reader's, by the rules of the specification ("Schema
//! Resolution"), before any record is read.

use super::literal::{Literal, unit};
use super::plan::{Plan, RecordPlan, Step};
use super::schema::{AvroSchema, Kind, Logical, RecordField, Type};

/// Unions of many branches in both schemas have many ways; two schemas of any use have fewer.
const MOST_STEPS: usize = 1_000_000;

/// How to read records that were written by one schema as those of another; or why they cannot be.
pub(super) fn resolve(writer: &AvroSchema, reader: &AvroSchema) -> Result<RecordPlan, String> {
    let mut resolving = Resolving {
        writer,
        reader,
        steps: 0,
    };
    let (from, to) = (writer.get(writer.root), reader.get(reader.root));
    match (&from.kind, &to.kind) {
        (Kind::Record(from), Kind::Record(to)) => resolving.record(from, to),
        _ => Err(mismatch(from, to)),
    }
}

struct Resolving<'a> {
    writer: &'a AvroSchema,
    reader: &'a AvroSchema,
    steps: usize,
}

// === impl Resolving ===

impl Resolving<'_> {
    fn value(&mut self, from: usize, to: usize) -> Result<Plan, String> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err("the schemas have too many ways to fit each other".to_owned());
        }
        let (writer, reader) = (self.writer.get(from), self.reader.get(to));
        if let Kind::Union(branches) = &writer.kind {
            let plans = branches.iter().map(|branch| self.value(*branch, to));
            let plans: Vec<_> = plans.collect();
            // Only what is really written counts; but if nothing can be read, say so at once.
            return match plans.iter().all(Result::is_err) {
                true => plans
                    .into_iter()
                    .next()
                    .unwrap_or(Err(mismatch(writer, reader))),
                false => Ok(Plan::Branch(plans)),
            };
        }
        if let Kind::Union(branches) = &reader.kind {
            return self.union(from, to, branches);
        }
        match (&writer.kind, &reader.kind) {
            (Kind::Null, Kind::Null) => Ok(Plan::Null(8)),
            (Kind::Boolean, Kind::Boolean) => Ok(Plan::Boolean),
            (Kind::Int, Kind::Int | Kind::Long | Kind::Float | Kind::Double)
            | (Kind::Long, Kind::Long | Kind::Float | Kind::Double) => Ok(Plan::Whole {
                is_int: matches!(writer.kind, Kind::Int),
                // The moment counts, whatever unit it was written in.
                unit: match writer.logical {
                    Some(Logical::Timestamp(written)) => written,
                    _ => unit(reader.logical),
                },
            }),
            (Kind::Float, Kind::Float | Kind::Double) => Ok(Plan::Float),
            (Kind::Double, Kind::Double) => Ok(Plan::Double),
            (Kind::String | Kind::Bytes, Kind::String) => Ok(Plan::Text),
            (Kind::String | Kind::Bytes, Kind::Bytes) => bytes(writer, reader, None),
            (Kind::Fixed(size), Kind::Fixed(wanted)) if size == wanted => {
                same_name(writer, reader)?;
                bytes(writer, reader, Some(*size))
            }
            (
                Kind::Enum { symbols, .. },
                Kind::Enum {
                    symbols: known,
                    default,
                },
            ) => {
                same_name(writer, reader)?;
                let symbols = symbols.iter().map(|symbol| match known.contains(symbol) {
                    true => Ok(symbol.clone()),
                    false => default.clone().ok_or_else(|| symbol.clone()),
                });
                Ok(Plan::Enum(symbols.collect()))
            }
            (Kind::Array(from), Kind::Array(to)) => {
                Ok(Plan::Array(Box::new(self.value(*from, *to)?)))
            }
            (Kind::Map(from), Kind::Map(to)) => Ok(Plan::Map(Box::new(self.value(*from, *to)?))),
            (Kind::Record(from), Kind::Record(to)) => Ok(Plan::Record(self.record(from, to)?)),
            _ => Err(mismatch(writer, reader)),
        }
    }

    /// The first branch of the same type and name, else the first that can take it.
    fn union(&mut self, from: usize, to: usize, branches: &[usize]) -> Result<Plan, String> {
        let writer = self.writer.get(from);
        let (options, _) = self.reader.options(to);
        let sole = self.reader.sole(&options);
        if matches!(writer.kind, Kind::Null) {
            return match options.len() < branches.len() {
                true => Ok(Plan::Null(self.weight(to))),
                false => {
                    Err("null was written, which the reader's schema does not have".to_owned())
                }
            };
        }
        let is_same = |branch: &&usize| {
            let reader = self.reader.get(**branch);
            let same_kind = writer.kind.name() == reader.kind.name();
            same_kind && same_name(writer, reader).is_ok()
        };
        let (same, other): (Vec<&usize>, Vec<&usize>) = options.iter().partition(is_same);
        let mut wrong = None;
        for branch in same.into_iter().chain(other) {
            let plan = match self.value(from, *branch) {
                Ok(plan) => plan,
                Err(reason) => {
                    wrong.get_or_insert(reason);
                    continue;
                }
            };
            let number = options.iter().position(|option| option == branch);
            return Ok(match number.filter(|_| sole.is_none()) {
                Some(number) => Plan::Member {
                    number,
                    others: self.weight(to),
                    plan: Box::new(plan),
                },
                None => plan,
            });
        }
        Err(wrong.unwrap_or_else(|| mismatch(writer, self.reader.get(to))))
    }

    fn record(&mut self, from: &[RecordField], to: &[RecordField]) -> Result<RecordPlan, String> {
        let by_name = |name: &String| from.iter().position(|field| field.name == *name);
        // Which of the writer's fields each of the reader's is.
        let is_taken = |alias: &String| to.iter().any(|field| field.name == *alias);
        let by_alias = |field: &RecordField| {
            let mut aliases = field.aliases.iter().filter(|alias| !is_taken(alias));
            aliases.find_map(by_name)
        };
        let sources: Vec<Option<usize>> = to
            .iter()
            .map(|field| by_name(&field.name).or_else(|| by_alias(field)))
            .collect();
        let mut plan = RecordPlan::default();
        for (number, field) in from.iter().enumerate() {
            let mut wanted = (0..).zip(&sources).zip(to);
            let wanted = wanted.find(|((_, source), _)| **source == Some(number));
            plan.steps.push(match wanted {
                Some(((place, _), into)) => {
                    let value = self.value(field.of, into.of);
                    Step::Read(place, value.map_err(|reason| within(&into.name, &reason))?)
                }
                None => Step::Skip(field.of),
            });
        }
        for (place, field) in to.iter().enumerate() {
            let source = sources.get(place).copied().flatten();
            // A field of the writer's goes to one of the reader's, if aliases claim it for two.
            let is_first =
                source.is_some() && sources.iter().position(|of| *of == source) == Some(place);
            if is_first {
                continue;
            }
            let default = field.default.as_ref().ok_or_else(|| {
                let name = &field.name;
                format!("field `{name}` was not written, and has no default in the reader's schema")
            })?;
            let literal = Literal::new(self.reader, field.of, default);
            let literal = literal.map_err(|reason| within(&field.name, &reason))?;
            let weight = match &literal {
                Literal::Null => self.weight(field.of),
                literal => literal.weight(),
            };
            plan.weight = plan.weight.saturating_add(weight);
            plan.defaults.push((place, literal));
        }
        Ok(plan)
    }

    /// What a null of that type takes in columns, roughly: those of a struct have one each.
    fn weight(&self, number: usize) -> usize {
        match &self.reader.get(number).kind {
            Kind::Record(fields) => {
                8 + fields
                    .iter()
                    .map(|field| self.weight(field.of))
                    .sum::<usize>()
            }
            Kind::Union(branches) => {
                8 + branches
                    .iter()
                    .map(|branch| self.weight(*branch))
                    .sum::<usize>()
            }
            _ => 8,
        }
    }
}

fn bytes(writer: &Type, reader: &Type, size: Option<usize>) -> Result<Plan, String> {
    let Some(Logical::Decimal { precision, scale }) = reader.logical else {
        return Ok(match size {
            Some(size) => Plan::Fixed(size),
            None => Plan::Bytes,
        });
    };
    if let Some(Logical::Decimal {
        precision: written,
        scale: with,
    }) = writer.logical
        && (scale != with || written > precision)
    {
        return Err(format!(
            "decimal({written},{with}) was written, which is no decimal({precision},{scale})"
        ));
    }
    match writer.kind {
        Kind::String => Err(mismatch(writer, reader)),
        _ => Ok(Plan::Decimal { size, precision }),
    }
}

fn same_name(writer: &Type, reader: &Type) -> Result<(), String> {
    match (&writer.name, &reader.name) {
        (Some(written), Some(name)) if !name.is(written) => Err(mismatch(writer, reader)),
        _ => Ok(()),
    }
}

fn mismatch(writer: &Type, reader: &Type) -> String {
    let (writer, reader) = (writer.describe(), reader.describe());
    format!("{writer} was written, which cannot be read as {reader}")
}

/// Puts a field's name before a reason, or before the names in it.
pub(super) fn within(name: &str, reason: &str) -> String {
    match reason.strip_prefix("field `") {
        Some(inner) => format!("field `{name}.{inner}"),
        None => format!("field `{name}`: {reason}"),
    }
}
