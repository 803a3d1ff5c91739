//! What waits, by client.

use std::collections::VecDeque;
use std::sync::Arc;

use genome::Interval;
use scorers::Organism;

use super::Kind;

/// How often a client's oldest request may be passed over for one of its own that fits the last.
const PATIENCE: u32 = 16;
/// How often in a row whose turn it is may be passed over for others whose requests fit the last.
const TURNS: u32 = 4;

/// What a pass depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Whose parameters.
    pub organism: Organism,
    /// How many sequences, and what becomes of them.
    pub kind: Kind,
    /// Indels run one sequence more.
    pub indel: bool,
    /// The bases.
    pub interval: Interval,
}

impl Key {
    /// How much of what was done for `other` serves this one: nothing, planned passes, or the interval's bases too.
    fn nearness(&self, other: &Self) -> u8 {
        let planned = self.organism == other.organism
            && self.kind == other.kind
            && self.indel == other.indel
            && self.interval.width() == other.interval.width();
        match planned {
            true => 1 + u8::from(self.interval == other.interval),
            false => 0,
        }
    }

    fn nearness_to(&self, last: Option<&Self>) -> u8 {
        last.map_or(0, |last| self.nearness(last))
    }
}

/// A request that waits.
pub struct Entry<T> {
    /// Its number; later ones have greater numbers.
    pub id: u64,
    /// What its passes depend on.
    pub key: Key,
    /// Bytes while it waits.
    pub bytes: u64,
    /// Bytes of its answer, at most.
    pub answer_bytes: u64,
    /// The request.
    pub work: T,
}

/// Requests of clients that take turns.
pub struct Queue<T> {
    /// Those that have a request, the next one first.
    clients: VecDeque<Client<T>>,
    length: usize,
    bytes: u64,
    /// How often in a row the first client was passed over.
    skipped: u32,
}

struct Client<T> {
    name: Arc<str>,
    entries: VecDeque<Entry<T>>,
    /// How often its first entry was passed over.
    passed: u32,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            clients: VecDeque::new(),
            length: 0,
            bytes: 0,
            skipped: 0,
        }
    }
}

impl<T> Queue<T> {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a request behind those of its client.
    pub fn push(&mut self, client: &Arc<str>, entry: Entry<T>) {
        self.length += 1;
        self.bytes += entry.bytes;
        match self.clients.iter_mut().find(|known| known.name == *client) {
            Some(known) => known.entries.push_back(entry),
            None => self.clients.push_back(Client {
                name: client.clone(),
                entries: [entry].into(),
                passed: 0,
            }),
        }
    }

    /// Puts back a request that was taken: it is the first of its client, whose turn it is.
    pub fn put_back(&mut self, client: &Arc<str>, entry: Entry<T>) {
        self.length += 1;
        self.bytes += entry.bytes;
        let known = self.clients.iter().position(|known| known.name == *client);
        let known = known.and_then(|turn| self.clients.remove(turn));
        let mut client = known.unwrap_or_else(|| Client {
            name: client.clone(),
            entries: VecDeque::new(),
            passed: 0,
        });
        client.entries.push_front(entry);
        self.clients.push_front(client);
    }

    /// Takes the request that is next: of the first client in turn that has one which `fits`, the one nearest to `last`, and of
    /// several the oldest. Another client's goes first, for a while, if planned passes fit that alone. Whoever was served goes to
    /// the end of the line.
    pub fn take(
        &mut self,
        last: Option<&Key>,
        fits: impl Fn(&Entry<T>) -> bool,
    ) -> Option<Entry<T>> {
        let clients = self.clients.iter().enumerate();
        let mut choices = clients.filter_map(|(turn, client)| {
            let at = client.choose(last, &fits)?;
            Some((turn, at, client.entries[at].key.nearness_to(last)))
        });
        let first = choices.next()?;
        let passes = first.2 == 0 && self.skipped < TURNS;
        let near = passes
            .then(|| choices.find(|choice| choice.2 > 0))
            .flatten();
        let (turn, at, _) = near.unwrap_or(first);
        self.skipped = near.map_or(0, |_| self.skipped + 1);
        let client = &mut self.clients[turn];
        client.passed = if at == 0 { 0 } else { client.passed + 1 };
        let entry = client.entries.remove(at)?;
        let client = self.clients.remove(turn)?;
        if !client.entries.is_empty() {
            self.clients.push_back(client);
        }
        self.forget(&entry);
        Some(entry)
    }

    /// Takes out all that `is` so; nobody's turn changes.
    pub fn take_all(&mut self, mut is: impl FnMut(&Entry<T>) -> bool) -> Vec<Entry<T>> {
        let entries = self.clients.iter().flat_map(|client| &client.entries);
        let found: Vec<_> = entries
            .filter(|entry| is(entry))
            .map(|entry| entry.id)
            .collect();
        found.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Takes a request out.
    pub fn remove(&mut self, id: u64) -> Option<Entry<T>> {
        let mut clients = self.clients.iter().enumerate();
        let (turn, at) = clients.find_map(|(turn, client)| {
            let at = client.entries.iter().position(|entry| entry.id == id)?;
            Some((turn, at))
        })?;
        let client = &mut self.clients[turn];
        let entry = client.entries.remove(at)?;
        if at == 0 {
            client.passed = 0;
        }
        if client.entries.is_empty() {
            self.clients.remove(turn);
        }
        self.forget(&entry);
        Some(entry)
    }

    /// Takes everything out.
    pub fn clear(&mut self) -> Vec<Entry<T>> {
        (self.length, self.bytes) = (0, 0);
        let clients = self.clients.drain(..);
        clients.flat_map(|client| client.entries).collect()
    }

    fn forget(&mut self, entry: &Entry<T>) {
        self.length -= 1;
        self.bytes -= entry.bytes;
    }
}

impl<T> Client<T> {
    /// The place of the entry that is served when it is this client's turn.
    fn choose(&self, last: Option<&Key>, fits: impl Fn(&Entry<T>) -> bool) -> Option<usize> {
        let mut places = (0..self.entries.len()).filter(|at| fits(&self.entries[*at]));
        if self.passed >= PATIENCE {
            return places.next();
        }
        // The first of the nearest.
        places
            .rev()
            .max_by_key(|at| self.entries[*at].key.nearness_to(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::Strand;

    fn key(start: i64, width: i64) -> Key {
        Key {
            organism: Organism::Human,
            kind: Kind::ScoreVariant,
            indel: false,
            interval: Interval::new("chr1", start, start + width, Strand::Unstranded).unwrap(),
        }
    }

    fn queue(entries: &[(&str, i64, i64)]) -> Queue<()> {
        let mut queue = Queue::default();
        for (id, (client, start, width)) in entries.iter().enumerate() {
            let entry = Entry {
                id: id as u64,
                key: key(*start, *width),
                bytes: 10,
                answer_bytes: *width as u64,
                work: (),
            };
            queue.push(&Arc::from(*client), entry);
        }
        queue
    }

    fn order(mut queue: Queue<()>) -> Vec<u64> {
        let (mut last, mut ids) = (None, Vec::new());
        while let Some(entry) = queue.take(last.as_ref(), |_| true) {
            last = Some(entry.key);
            ids.push(entry.id);
        }
        assert_eq!((queue.len(), queue.bytes()), (0, 0));
        ids
    }

    #[test]
    fn clients_take_turns() {
        let many = ["a", "a", "a", "a", "b", "c", "c"];
        let entries: Vec<_> = many.iter().map(|client| (*client, 0, 2048)).collect();
        assert_eq!(order(queue(&entries)), [0, 4, 5, 1, 6, 2, 3]);
    }

    #[test]
    fn lengths_of_several_clients_run_together_for_a_while() {
        let mut entries = vec![("a", 0, 2048), ("b", 0, 4096), ("c", 0, 8192)];
        entries.extend([("d", 0, 2048); 12]);
        let order = order(queue(&entries));
        let turns = TURNS as usize;
        assert!(order[1..=turns].iter().all(|id| *id >= 3), "{order:?}");
        assert_eq!(order[turns + 1], 1);
        // Nobody has what fits 4096, so that it is the next one's turn.
        assert_eq!(order[turns + 2], 2);
    }

    #[test]
    fn what_is_put_back_is_next() {
        let mut queue = queue(&[("a", 0, 2048), ("b", 0, 2048), ("a", 1, 2048)]);
        let taken = queue.take(None, |_| true).unwrap();
        let client = Arc::from("a");
        queue.put_back(&client, taken);
        assert_eq!((queue.len(), queue.bytes()), (3, 30));
        assert_eq!(order(queue), [0, 1, 2]);
    }

    #[test]
    fn all_of_a_kind_are_taken_at_once() {
        let mut queue = queue(&[
            ("a", 0, 2048),
            ("b", 0, 4096),
            ("b", 0, 2048),
            ("c", 0, 4096),
        ]);
        let found = queue.take_all(|entry| entry.key.interval.end == 2048);
        assert_eq!(
            found.iter().map(|entry| entry.id).collect::<Vec<_>>(),
            [0, 2]
        );
        assert_eq!((queue.len(), queue.bytes()), (2, 20));
        assert_eq!(order(queue), [1, 3]);
    }

    #[test]
    fn of_one_client_what_is_near_goes_first() {
        let entries = [
            ("a", 0, 2048),
            ("a", 9, 4096),
            ("a", 5, 2048),
            ("a", 0, 2048),
            ("a", 9, 4096),
        ];
        assert_eq!(order(queue(&entries)), [0, 3, 2, 1, 4]);
    }

    #[test]
    fn what_is_far_waits_for_so_long_alone() {
        let mut entries = vec![("a", 0, 2048), ("a", 0, 4096)];
        entries.extend([("a", 0, 2048); 40]);
        let order = order(queue(&entries));
        let at = order.iter().position(|id| *id == 1);
        assert_eq!(at, Some(1 + PATIENCE as usize));
    }

    #[test]
    fn what_does_not_fit_lets_others_pass() {
        let mut queue = queue(&[("a", 0, 4096), ("a", 0, 2048), ("b", 0, 4096)]);
        let small = |entry: &Entry<()>| entry.answer_bytes <= 2048;
        assert_eq!(queue.take(None, small).map(|entry| entry.id), Some(1));
        assert!(queue.take(None, small).is_none());
        assert_eq!(queue.len(), 2);
        // Who was served while others did not fit waits for its turn.
        assert_eq!(queue.take(None, |_| true).map(|entry| entry.id), Some(2));
    }

    #[test]
    fn what_is_removed_frees_its_place() {
        let mut queue = queue(&[("a", 0, 2048), ("b", 0, 2048)]);
        assert_eq!(queue.remove(0).map(|entry| entry.id), Some(0));
        assert!(queue.remove(0).is_none());
        assert_eq!((queue.len(), queue.bytes()), (1, 10));
        assert_eq!(queue.clear().len(), 1);
        assert_eq!((queue.len(), queue.bytes()), (0, 0));
    }
}
