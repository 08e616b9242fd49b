//! Panics of functions over data: a row's failure, not the pipeline's end.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use datafusion_common::{DataFusionError, Result};

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Evaluates expressions. Functions of libraries have been seen to panic on
/// values (a negative length, a text of 2 GB): that is an error like any other,
/// and goes to the row that causes it.
///
/// Expressions keep nothing between calls, so that nothing is left half done.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                others(panic);
            }
        }));
    });
    IS_GUARDED.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(false);
    outcome.unwrap_or_else(|panic| {
        let what = message(panic.as_ref());
        Err(DataFusionError::Execution(format!(
            "the function panicked: {what}"
        )))
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it did not say why")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let failed = guarded(|| -> Result<()> { panic!("capacity overflow") });
        assert_eq!(
            failed.unwrap_err().to_string(),
            "Execution error: the function panicked: capacity overflow"
        );
        assert_eq!(guarded(|| Ok(1)).unwrap(), 1);
    }
}
