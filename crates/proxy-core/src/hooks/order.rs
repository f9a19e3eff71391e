//! The order of a hook's implementations: before/after constraints win, then the order number, then the load
//! index. As httpd's `apr_hook_sort_all`, but stable, and a cycle is an error that names the ring. The order in which
//! instances end is found in the same way.

/// One implementation to be placed.
#[derive(Debug)]
pub(crate) struct Item {
    /// Load index of its module.
    pub(crate) module: usize,
    /// Its order number.
    pub(crate) order: i32,
    /// Modules that come later.
    pub(crate) before: Vec<usize>,
    /// Modules that come earlier.
    pub(crate) after: Vec<usize>,
}

/// The places of `items` in the order in which they run, or the modules of a cycle.
pub(crate) fn sort(items: &[Item]) -> Result<Vec<usize>, Vec<usize>> {
    let mut by_number: Vec<usize> = (0..items.len()).collect();
    by_number.sort_by_key(|&place| (items[place].order, items[place].module));
    let mut walk =
        Walk { items, by_number: &by_number, state: vec![State::New; items.len()], sorted: Vec::new() };
    for &place in &by_number {
        walk.visit(place, &mut Vec::new())?;
    }
    Ok(walk.sorted)
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Placed,
}

struct Walk<'a> {
    items: &'a [Item],
    by_number: &'a [usize],
    state: Vec<State>,
    sorted: Vec<usize>,
}

impl Walk<'_> {
    /// Places `place` after all its unplaced predecessors: an entry pulls them in front of it. `path` is how we
    /// came here, each wanting to come after the next. Its depth is bounded by the number of modules.
    fn visit(&mut self, place: usize, path: &mut Vec<usize>) -> Result<(), Vec<usize>> {
        match self.state[place] {
            State::Placed => return Ok(()),
            State::Open => return Err(self.ring(place, path)),
            State::New => {}
        }
        self.state[place] = State::Open;
        path.push(place);
        for &other in self.by_number {
            if self.must_precede(other, place) {
                self.visit(other, path)?;
            }
        }
        path.pop();
        self.state[place] = State::Placed;
        self.sorted.push(place);
        Ok(())
    }

    fn must_precede(&self, first: usize, second: usize) -> bool {
        let (a, b) = (&self.items[first], &self.items[second]);
        let asked = a.before.contains(&b.module) || b.after.contains(&a.module);
        asked && (first != second)
            || (first == second && (a.before.contains(&a.module) || a.after.contains(&a.module)))
    }

    /// The modules of the cycle that closes at `place`, each before the next, ending where it began.
    fn ring(&self, place: usize, path: &[usize]) -> Vec<usize> {
        let start = path.iter().position(|&other| other == place).unwrap_or(0);
        let mut ring: Vec<usize> =
            path[start..].iter().rev().map(|&other| self.items[other].module).collect();
        if let Some(&first) = ring.first() {
            ring.push(first);
        }
        ring
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(module: usize, order: i32, before: &[usize], after: &[usize]) -> Item {
        Item { module, order, before: before.to_vec(), after: after.to_vec() }
    }

    #[test]
    fn numbers_then_load_index_decide() {
        let items =
            [item(0, 10, &[], &[]), item(1, 0, &[], &[]), item(2, 10, &[], &[]), item(3, -5, &[], &[])];
        assert_eq!(sort(&items), Ok(vec![3, 1, 0, 2]));
    }

    #[test]
    fn constraints_win_over_numbers() {
        let items = [item(0, 0, &[], &[2]), item(1, 10, &[], &[]), item(2, 20, &[], &[])];
        assert_eq!(sort(&items), Ok(vec![2, 0, 1]));
        let items = [item(0, 0, &[], &[]), item(1, 20, &[0], &[])];
        assert_eq!(sort(&items), Ok(vec![1, 0]));
    }

    #[test]
    fn a_cycle_names_its_ring() {
        let items = [item(7, 0, &[8], &[]), item(8, 0, &[9], &[]), item(9, 0, &[7], &[])];
        assert_eq!(sort(&items), Err(vec![8, 9, 7, 8]));
        assert_eq!(sort(&[item(4, 0, &[4], &[])]), Err(vec![4, 4]));
    }
}
