//! Which Removes, revocations and demotions win where they meet what is concurrent with them.

use super::board::Board;
use super::dag::{Dag, Node, Past};
use super::evaluate::{Sweep, Winner};
use super::roster::{Roster, VoidReason};
use super::standing::Standing;

/// What the log says.
#[derive(Clone, Debug)]
pub(super) struct Evaluation {
    scope: Past,
    winners: Vec<Winner>,
    sweep: Sweep,
}

impl Evaluation {
    /// Evaluates the closure `scope`, or everything.
    pub(super) fn of(dag: &Dag, _board: &Board, scope: Option<&Past>) -> Self {
        let scope = scope.cloned().unwrap_or_else(|| dag.everything());
        let mut nodes: Vec<Node> = (0..dag.len()).filter(|node| dag.contains(&scope, *node)).collect();
        nodes.sort_unstable_by_key(|node| dag.rank(*node));
        let winners = Vec::new();
        let sweep = Sweep::over(dag, &nodes, &winners);
        Self { scope, winners, sweep }
    }

    /// Takes in one more operation; false when that needs a whole evaluation.
    pub(super) fn extend(&mut self, dag: &Dag, node: Node) -> bool {
        if dag.closure(node).len() != dag.len() {
            return false;
        }
        self.scope = dag.closure(node).clone();
        self.sweep.push(dag, node, &self.winners);
        true
    }

    /// The roster.
    pub(super) fn roster(&self, dag: &Dag) -> Roster {
        self.sweep.standing.roster(dag, &self.scope)
    }

    pub(super) fn void(&self, node: Node) -> Option<VoidReason> {
        self.sweep.void.get(&node).copied()
    }

    pub(super) fn standing(&self) -> &Standing {
        &self.sweep.standing
    }
}
