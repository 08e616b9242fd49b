//! Many requests, some at a time.

use azud_model::{Error, Result};
use tokio::task::{JoinError, JoinSet};

/// How many are under way.
const AT_ONCE: usize = 16;

/// Does something with each; the first failure ends all.
pub(super) async fn each<T, F>(items: Vec<T>, work: impl Fn(T) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut running = JoinSet::new();
    for item in items {
        if running.len() >= AT_ONCE {
            done(running.join_next().await)?;
        }
        running.spawn(work(item));
    }
    while !running.is_empty() {
        done(running.join_next().await)?;
    }
    Ok(())
}

fn done(ended: Option<std::result::Result<Result<()>, JoinError>>) -> Result<()> {
    match ended {
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) => Err(Error::internal("file: a request").because(error)),
        None => Ok(()),
    }
}
