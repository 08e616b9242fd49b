//! The functions that a query calls, and where.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{Expr, ObjectNamePart, Query, Visit, Visitor};
use datafusion_sql::sqlparser::tokenizer::Span;

/// The name of every function that a query calls, in lower case, and where it is first called.
pub(crate) fn calls(query: &Query) -> Vec<(String, Span)> {
    let mut calls = Calls(Vec::new());
    let ControlFlow::Continue(()) = query.visit(&mut calls);
    calls.0
}

struct Calls(Vec<(String, Span)>);

impl Visitor for Calls {
    type Break = std::convert::Infallible;

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Self::Break> {
        if let Expr::Function(function) = expression
            && let [part] = function.name.0.as_slice()
            && let Some(ident) = ObjectNamePart::as_ident(part)
        {
            let name = ident.value.to_lowercase();
            if self.0.iter().all(|(known, _)| *known != name) {
                self.0.push((name, ident.span));
            }
        }
        ControlFlow::Continue(())
    }
}
