//! The writers' schemas that are known, by their ids: whoever asks the registry puts them in, and
//! decoders look into it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::AvroSchema;

/// A table of schemas that its clones share.
#[derive(Clone, Debug, Default)]
pub struct WriterSchemas(Arc<RwLock<HashMap<u64, Arc<AvroSchema>>>>);

// === impl WriterSchemas ===

impl WriterSchemas {
    /// The schema of that id, if it is known.
    pub fn get(&self, id: u64) -> Option<Arc<AvroSchema>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.get(&id).cloned()
    }

    /// Makes it known. More than `most` are kept only where somebody still holds them: who has
    /// handed on records holds their schemas until they must have been decoded.
    pub fn put(&self, id: u64, schema: Arc<AvroSchema>, most: usize) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= most {
            table.retain(|_, schema| Arc::strong_count(schema) > 1);
        }
        table.insert(id, schema);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_holds_is_forgotten() {
        let schema = || Arc::new("\"int\"".parse::<AvroSchema>().unwrap());
        let writers = WriterSchemas::default();
        let held = schema();
        writers.put(1, held.clone(), 2);
        writers.put(2, schema(), 2);
        writers.clone().put(3, schema(), 2);
        assert!(writers.get(1).is_some());
        assert!(writers.get(2).is_none());
        assert!(writers.get(3).is_some());
    }
}
