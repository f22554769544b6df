//! Huffman tables as they are looked up: for each beginning of the bits, what stands there.

/// Bits of a code that are looked up at once.
const PEEK: u32 = 12;

/// What a code of the coefficients behind the first does: how many bits it takes with the value that follows it, 0 for
/// no code, and by how many coefficients it goes on. Of several codes in a row it is their sum.
#[derive(Clone, Copy, Default)]
pub(super) struct Step {
    pub(super) bits: u8,
    pub(super) coefficients: u8,
    /// By how many coefficients all but the last of several codes go on.
    before: u8,
}

/// By how many coefficients the end of a block goes on: beyond every number that a block can come to.
pub(super) const END_OF_BLOCK: u8 = 128;

impl Step {
    fn new(length: u32, symbol: u8) -> Self {
        let (run, size) = (symbol >> 4, symbol & 15);
        Self {
            bits: length as u8 + size,
            coefficients: match (size, run) {
                (0, 15) => 16,
                (0, _) => END_OF_BLOCK,
                _ => run + 1,
            },
            before: 0,
        }
    }

    /// This and the next in one; `None` where the next is none of the same block.
    fn then(self, next: Self) -> Option<Self> {
        (next.bits != 0 && self.coefficients < 64).then(|| Self {
            bits: self.bits + next.bits,
            coefficients: self.coefficients + next.coefficients,
            before: self.coefficients,
        })
    }
}

/// For each beginning of `PEEK` bits and each longer code: length of the code, 0 for none, and its symbol.
pub(super) struct Table {
    quick: Vec<(u8, u8)>,
    /// For a table of coefficients: what all the codes do that stand whole in a beginning.
    steps: Box<[Step; 1 << PEEK]>,
    /// First code of each length, as 16 bits, one past its last code, and index of its first symbol.
    long: [(u32, u32, usize); 17],
    symbols: Vec<u8>,
}

impl Table {
    /// From the counts of codes of each length, 1 to 16, and the symbols; `None` where they contradict each other.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut quick = vec![(0, 0); 1 << PEEK];
        let mut long = [(0, 0, 0); 17];
        let mut code = 0_u32;
        let mut index = 0_usize;
        for (length, &count) in (1_u32..).zip(counts) {
            let first = code << (16 - length);
            let start = index;
            for _ in 0..count {
                let symbol = *symbols.get(index)?;
                if length <= PEEK {
                    let from = (code << (PEEK - length)) as usize;
                    let beginnings = quick.get_mut(from..from + (1 << (PEEK - length)))?;
                    beginnings.fill((length as u8, symbol));
                }
                code += 1;
                index += 1;
            }
            *long.get_mut(length as usize)? = (first, code << (16 - length), start);
            if code > 1 << length {
                return None;
            }
            code <<= 1;
        }
        Some(Self {
            steps: steps(&quick),
            quick,
            long,
            symbols: symbols.get(..index)?.to_vec(),
        })
    }

    /// Length and symbol of the code at the front of `bits`, the top 16 of which are its next.
    #[inline(always)]
    pub(super) fn code(&self, bits: u64) -> Option<(u32, u8)> {
        let (length, symbol) = self.quick[(bits >> (64 - PEEK)) as usize & ((1 << PEEK) - 1)];
        if length != 0 {
            return Some((u32::from(length), symbol));
        }
        self.long_code((bits >> 48) as u32)
    }

    /// What the codes of the coefficients from `coefficient` on do that stand at the front of `bits`: one, or several
    /// of the same block.
    #[inline(always)]
    pub(super) fn step(&self, bits: u64, coefficient: u32) -> Option<Step> {
        let step = self.steps[(bits >> (64 - PEEK)) as usize & ((1 << PEEK) - 1)];
        if step.bits != 0 && coefficient + u32::from(step.before) < 64 {
            return Some(step);
        }
        let (length, symbol) = self.code(bits)?;
        Some(Step::new(length, symbol))
    }

    #[cold]
    fn long_code(&self, front: u32) -> Option<(u32, u8)> {
        (PEEK + 1..=16).find_map(|length| {
            let &(first, end, start) = self.long.get(length as usize)?;
            let within = (first..end).contains(&front);
            let index = start + (front.wrapping_sub(first) >> (16 - length)) as usize;
            within.then(|| Some((length, *self.symbols.get(index)?)))?
        })
    }
}

/// What the codes do that stand whole in each beginning of `PEEK` bits. The value behind the last of them may go on
/// outside; with it they are 27 bits at most, fewer than a reader holds.
fn steps(quick: &[(u8, u8)]) -> Box<[Step; 1 << PEEK]> {
    let mut steps = Box::new([Step::default(); 1 << PEEK]);
    for (beginning, sum) in steps.iter_mut().enumerate() {
        let mut bits = 0;
        while bits < PEEK {
            let rest = (beginning << bits) & ((1 << PEEK) - 1);
            let (length, symbol) = quick.get(rest).copied().unwrap_or_default();
            if length == 0 || u32::from(length) > PEEK - bits {
                break;
            }
            let next = Step::new(u32::from(length), symbol);
            let Some(both) = sum.then(next) else {
                break;
            };
            *sum = both;
            bits = u32::from(sum.bits);
        }
    }
    steps
}
