//! How many may be inside at once: all together, and of one bucket of addresses, so that one household cannot keep all others out.

use crate::limits::Name;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Who is inside.
#[derive(Debug)]
pub(super) struct Crowd {
    most: usize,
    most_of_one: usize,
    inside: Mutex<(usize, BTreeMap<Name, usize>)>,
}

/// Somebody inside; leaves when dropped.
#[derive(Debug)]
pub(super) struct Inside {
    crowd: Arc<Crowd>,
    name: Option<Name>,
}

impl Crowd {
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        Crowd { most, most_of_one, inside: Mutex::default() }
    }

    /// Lets somebody in, or not where no room is left. Who has no name, as a proxy, is counted with all alone.
    pub(super) fn enter(self: &Arc<Self>, name: Option<Name>) -> Option<Inside> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, by_name) = &mut *inside;
        if *all >= self.most {
            return None;
        }
        if let Some(name) = name {
            if by_name.get(&name).is_some_and(|count| *count >= self.most_of_one) {
                return None;
            }
            *by_name.entry(name).or_default() += 1;
        }
        *all += 1;
        Some(Inside { crowd: Arc::clone(self), name })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut inside = self.crowd.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, by_name) = &mut *inside;
        *all -= 1;
        if let Some(name) = self.name
            && let Some(count) = by_name.get_mut(&name)
        {
            *count -= 1;
            if *count == 0 {
                by_name.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests;
