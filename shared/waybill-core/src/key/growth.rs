//! How large the result of a JMESPath can be, told from the expression alone.
//!
//! JMESPath shares what it finds, so that an expression of some hundred letters can make a value
//! that is exponentially larger than the event once it is printed: `[@, @] | [@, @] | …`.

use jmespath::ast::Ast;

/// How many times an event an expression's result can be, constants apart. Counted too high where
/// in doubt, never too low.
pub(crate) fn growth(ast: &Ast) -> u64 {
    match ast {
        Ast::Identity { .. }
        | Ast::Field { .. }
        | Ast::Index { .. }
        | Ast::Slice { .. }
        | Ast::Literal { .. } => 1,
        Ast::Not { node, .. } | Ast::Flatten { node, .. } | Ast::ObjectValues { node, .. } => {
            growth(node)
        }
        Ast::Expref { ast, .. } => growth(ast),
        Ast::And { lhs, rhs, .. } | Ast::Or { lhs, rhs, .. } => growth(lhs).max(growth(rhs)),
        Ast::Comparison { lhs, rhs, .. } => growth(lhs).max(growth(rhs)),
        Ast::Condition {
            predicate, then, ..
        } => growth(predicate).max(growth(then)),
        Ast::Subexpr { lhs, rhs, .. } | Ast::Projection { lhs, rhs, .. } => {
            growth(lhs).saturating_mul(growth(rhs))
        }
        Ast::MultiList { elements, .. } => sum(elements.iter()),
        Ast::MultiHash { elements, .. } => sum(elements.iter().map(|pair| &pair.value)),
        Ast::Function { name, args, .. } => function(name, args),
    }
}

/// The same for a function: as large as all it is given, and an expression that it is given is
/// asked of each entry. `join` repeats its first argument as often as there are entries, which is
/// no matter of the expression's where that comes from the event.
fn function(name: &str, args: &[Ast]) -> u64 {
    if name == "join" && !matches!(args.first(), Some(Ast::Literal { .. })) {
        return u64::MAX;
    }
    let (asked, given): (Vec<_>, Vec<_>) = args
        .iter()
        .partition(|arg| matches!(arg, Ast::Expref { .. }));
    let each = asked.into_iter().map(growth);
    each.fold(sum(given.into_iter()).max(1), u64::saturating_mul)
}

/// All of them together.
fn sum<'a>(parts: impl Iterator<Item = &'a Ast>) -> u64 {
    parts.map(growth).fold(0, u64::saturating_add)
}
