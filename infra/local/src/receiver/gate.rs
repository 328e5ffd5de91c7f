//! A gate that replies wait behind: what a test wants to happen first happens first, however slow
//! the machine is.

use tokio::sync::watch;

/// Shut at first, and open for ever once somebody opens it. Copies are the same gate.
#[derive(Debug, Clone)]
pub struct Gate {
    open: watch::Sender<bool>,
}

impl Gate {
    /// A gate that is shut.
    pub fn shut() -> Self {
        Self {
            open: watch::Sender::new(false),
        }
    }

    /// Lets everything through that waits, and all that comes later.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits until it is open.
    pub(super) async fn passed(&self) {
        let mut open = self.open.subscribe();
        // Fails only where nobody can open it any more, and this copy can.
        let _ = open.wait_for(|open| *open).await;
    }
}

impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        self.open.same_channel(&other.open)
    }
}

impl Eq for Gate {}
