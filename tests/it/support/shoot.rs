//! Made-up rooms, photographed with made-up cameras: small JPEGs with EXIF whose truth is known.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use remedia::imaging::{JpegOptions, Picture, encode_jpeg};

/// Size of the pictures.
const SIZE: (usize, usize) = (144, 96);

/// A small generator of numbers (Marsaglia, 2003: xorshift), so that a shoot is the same every time.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.unit() * count as f64) as usize
    }

    pub(crate) fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

/// How a room is photographed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taking {
    /// Exposure, EV beside a good one.
    pub(crate) ev: f64,
    /// Shift of the camera in pixels.
    pub(crate) shift: [f64; 2],
    /// Whether a flash lights the near side.
    pub(crate) flash: bool,
}

impl Taking {
    pub(crate) const fn at(ev: f64) -> Self {
        Self {
            ev,
            shift: [0.0; 2],
            flash: false,
        }
    }
}

/// A photo of room number `room`; what differs in `grain` only differs in noise.
pub(crate) fn photo_of(room: u64, taking: Taking, grain: u64) -> Vec<u8> {
    let (width, height) = SIZE;
    let mut random = Random::new(room + 1);
    // Walls and things of many tones, larger than the frame, so that a shifted camera sees something.
    let (wide, high) = (width + 40, height + 40);
    let mut light = vec![0.16 + 0.1 * random.unit(); wide * high];
    for patch in 0..70 {
        let (w, h) = (4 + random.below(34), 4 + random.below(26));
        let (left, top) = (random.below(wide - w), random.below(high - h));
        // A window or two, much brighter than the room.
        let tone = if patch < 2 {
            2.5
        } else {
            0.04 * (16.0_f64).powf(random.unit())
        };
        for row in light.chunks_exact_mut(wide).skip(top).take(h) {
            row[left..left + w].fill(tone);
        }
    }
    let mut noise = Random::new(grain.wrapping_mul(31) + 7);
    let mut samples = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let at = [
                x as f64 + 20.0 + taking.shift[0],
                y as f64 + 20.0 + taking.shift[1],
            ];
            let (column, row) = (at[0].floor() as usize, at[1].floor() as usize);
            let (across, down) = (at[0].fract(), at[1].fract());
            let value = |x: usize, y: usize| light[y * wide + x];
            let seen = (1.0 - down)
                * ((1.0 - across) * value(column, row) + across * value(column + 1, row))
                + down
                    * ((1.0 - across) * value(column, row + 1)
                        + across * value(column + 1, row + 1));
            let lamp = if taking.flash {
                let far = ((x as f64 / width as f64 - 0.5).powi(2)
                    + (y as f64 / height as f64 - 0.9).powi(2))
                .sqrt();
                0.2 + 4.0 * (-(far / 0.35).powi(2)).exp()
            } else {
                1.0 - 0.4 * x as f64 / width as f64
            };
            let exposed = seen * lamp * taking.ev.exp2() + 0.002 * (noise.unit() - 0.5);
            let encoded = if exposed <= 0.003_130_8 {
                12.92 * exposed
            } else {
                1.055 * exposed.powf(1.0 / 2.4) - 0.055
            };
            samples.extend([(encoded.clamp(0.0, 1.0) * 255.0).round() as u8; 3]);
        }
    }
    let picture = Picture::from_eight(width, height, samples).unwrap();
    encode_jpeg(&picture, &JpegOptions::default()).unwrap()
}

/// A photo of a room at an exposure, from a tripod.
pub(crate) fn exposed(room: u64, ev: f64) -> Vec<u8> {
    photo_of(
        room,
        Taking::at(ev),
        room * 100 + (ev * 10.0 + 500.0) as u64,
    )
}

/// What a camera writes into a photo.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) seconds: (u32, u32),
    pub(crate) iso: u16,
    pub(crate) bias: Option<f64>,
    /// Seconds after a moment of the day.
    pub(crate) at: f64,
    pub(crate) focal_length: u32,
    pub(crate) flash: Option<bool>,
    pub(crate) serial: &'static str,
}

impl Written {
    /// An exposure of `ev` beside 1/60 s, as a camera rounds it.
    pub(crate) fn of(ev: f64, at: f64) -> Self {
        let seconds = ev.exp2() / 60.0;
        let seconds = if seconds < 0.3 {
            (1, (1.0 / seconds).round().max(1.0) as u32)
        } else {
            ((seconds * 10.0).round() as u32, 10)
        };
        Self {
            seconds,
            iso: 200,
            bias: None,
            at,
            focal_length: 17,
            flash: Some(false),
            serial: "",
        }
    }
}

/// The photo with EXIF in front of its other segments.
pub(crate) fn with_exif(jpeg: &[u8], written: &Written) -> Vec<u8> {
    use exif::experimental::Writer;
    use exif::{Field, In, Rational, SRational, Tag, Value};
    let field = |tag, value| Field {
        tag,
        ifd_num: In::PRIMARY,
        value,
    };
    let rational = |num, denom| Value::Rational(vec![Rational { num, denom }]);
    let text = |text: &str| Value::Ascii(vec![text.as_bytes().to_vec()]);
    let whole = written.at.floor();
    let second = whole as u32;
    let taken = format!(
        "2025:04:12 {:02}:{:02}:{:02}",
        10 + second / 3600,
        second / 60 % 60,
        second % 60
    );
    let mut fields = vec![
        field(Tag::Make, text("Maker")),
        field(Tag::Model, text("Body")),
        field(
            Tag::ExposureTime,
            rational(written.seconds.0, written.seconds.1),
        ),
        field(Tag::FNumber, rational(8, 1)),
        field(
            Tag::PhotographicSensitivity,
            Value::Short(vec![written.iso]),
        ),
        field(Tag::FocalLength, rational(written.focal_length, 1)),
        field(Tag::DateTimeOriginal, text(&taken)),
    ];
    if !written.serial.is_empty() {
        fields.push(field(Tag::BodySerialNumber, text(written.serial)));
    }
    if let Some(fired) = written.flash {
        let value = if fired { 9 } else { 16 };
        fields.push(field(Tag::Flash, Value::Short(vec![value])));
    }
    if let Some(bias) = written.bias {
        let num = (bias * 10.0).round() as i32;
        fields.push(field(
            Tag::ExposureBiasValue,
            Value::SRational(vec![SRational { num, denom: 10 }]),
        ));
    }
    let mut writer = Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    let mut block = std::io::Cursor::new(Vec::new());
    writer.write(&mut block, false).unwrap();
    let block = block.into_inner();
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend((block.len() as u16 + 8).to_be_bytes());
    bytes.extend(b"Exif\0\0");
    bytes.extend(block);
    bytes.extend(&jpeg[2..]);
    bytes
}

/// A file of a shoot.
#[derive(Clone, Debug)]
pub(crate) struct Shot {
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
    /// The set that it was taken for; `None` for a photo of its own.
    pub(crate) set: Option<usize>,
    /// Whether it is a picture at all that can be used, and the only one of its content.
    pub(crate) usable: bool,
}

/// A shoot in the making.
#[derive(Debug)]
struct Shoot {
    random: Random,
    shots: Vec<Shot>,
    sets: usize,
    room: u64,
    clock: f64,
    number: usize,
}

impl Shoot {
    fn name(&mut self) -> String {
        self.number += 1;
        format!("DSC_{:04}.JPG", self.number)
    }

    fn add(&mut self, file: String, bytes: Vec<u8>, set: Option<usize>) {
        self.shots.push(Shot {
            file,
            bytes,
            set,
            usable: true,
        });
    }

    fn new_room(&mut self) -> u64 {
        self.room += 1;
        self.room
    }

    fn walk(&mut self) {
        self.clock += 60.0 + 200.0 * self.random.unit();
    }

    /// Exposures beside 0 in the order of a camera.
    fn exposures(&mut self, count: usize, step: f64) -> Vec<f64> {
        let lowest = -(count as f64 - 1.0) / 2.0 * step;
        let mut values: Vec<f64> = (0..count).map(|at| lowest + at as f64 * step).collect();
        match self.random.below(3) {
            0 => {}
            1 => values.reverse(),
            _ => {
                let middle = values.remove(count / 2);
                values.insert(0, middle);
            }
        }
        values
    }

    /// What a camera takes of itself; sometimes hand-held, sometimes with a lost frame.
    fn bracket(&mut self, serial: &'static str) {
        let room = self.new_room();
        let count = 2 + self.random.below(8);
        let most = if count > 5 { 1.0 } else { 2.0 };
        let step = self.random.pick(&[0.7_f64, 1.0, 2.0]).min(most);
        let recorded = self.random.below(2) == 0 || count == 2 && step < 1.0;
        let hand = self.random.below(2) == 0;
        let lost = (count > 3 && self.random.below(4) == 0).then(|| self.random.below(count));
        let set = self.sets;
        self.sets += 1;
        for (place, ev) in self.exposures(count, step).into_iter().enumerate() {
            let name = self.name();
            let mut taking = Taking::at(ev);
            if hand {
                taking.shift = [self.random.unit() * 3.0, self.random.unit() * 2.0];
            }
            self.clock += 0.4;
            if lost == Some(place) {
                continue;
            }
            let written = Written {
                bias: recorded.then_some(ev),
                serial,
                ..Written::of(ev, self.clock)
            };
            let bytes = with_exif(&photo_of(room, taking, self.number as u64), &written);
            self.add(name, bytes, Some(set));
        }
        self.walk();
    }

    /// Three exposures that a hand sets, seconds apart.
    fn by_hand(&mut self) {
        let room = self.new_room();
        let set = self.sets;
        self.sets += 1;
        for ev in self
            .random
            .pick(&[[-2.0, 0.0, 2.0], [0.0, 1.3, -2.0], [2.0, 0.0, -1.0]])
        {
            self.clock += 3.0 + 9.0 * self.random.unit();
            let name = self.name();
            let bytes = photo_of(room, Taking::at(ev), self.number as u64);
            self.add(
                name,
                with_exif(&bytes, &Written::of(ev, self.clock)),
                Some(set),
            );
        }
        self.walk();
    }

    /// A set of which nothing tells but the names.
    fn named(&mut self) {
        let room = self.new_room();
        let set = self.sets;
        self.sets += 1;
        let names = self.random.pick(&[
            ["# (-2.0)", "#", "# (+2.0)"],
            ["#_-2", "#_0", "#_+2"],
            ["#_EV-2", "#_EV0", "#_EV+2"],
            ["#_under", "#", "#_over"],
            ["# dark", "# normal", "# bright"],
            ["#_bracket1", "#_bracket2", "#_bracket3"],
            ["#-a", "#-b", "#-c"],
        ]);
        for (name, ev) in names.into_iter().zip([-2.0, 0.0, 2.0]) {
            self.number += 1;
            let bytes = photo_of(room, Taking::at(ev), self.number as u64);
            let view = format!("room {room}x");
            self.add(
                format!("{}.jpg", name.replace('#', &view)),
                bytes,
                Some(set),
            );
        }
    }

    /// Photos of their own that look like more: other rooms with the EXIF of a bracket, the same exposure several
    /// times, the same room a minute later at another exposure, flash beside ambient light.
    fn singles(&mut self) {
        let trap = self.random.below(5);
        let room = self.new_room();
        let evs = match trap {
            0 => vec![-1.0, 0.0, 1.0],
            1 => vec![0.0, 0.0, 0.0],
            2 => vec![0.0, 1.0],
            3 => vec![0.0, -1.0, -2.0],
            _ => vec![0.3 * self.random.unit()],
        };
        for (place, ev) in evs.into_iter().enumerate() {
            let shown = if trap == 0 { self.new_room() } else { room };
            self.clock += if trap == 2 { 70.0 } else { 4.0 };
            let name = self.name();
            let mut taking = Taking::at(if trap == 3 { 0.0 } else { ev });
            taking.flash = trap == 3 && place > 0;
            let written = Written {
                bias: (trap == 0).then_some(ev),
                flash: Some(taking.flash),
                ..Written::of(ev, self.clock)
            };
            let bytes = with_exif(&photo_of(shown, taking, self.number as u64), &written);
            self.add(name, bytes, None);
        }
        self.walk();
    }

    /// Two photographers with one clock take brackets at the same time.
    fn two_cameras(&mut self) {
        let rooms = [self.new_room(), self.new_room()];
        let sets = [self.sets, self.sets + 1];
        self.sets += 2;
        let told_apart = self.random.below(2) == 0;
        for ev in [0.0, -2.0, 2.0] {
            for camera in 0..2 {
                self.clock += 0.3;
                let name = self.name();
                let written = Written {
                    bias: Some(ev),
                    serial: match (told_apart, camera) {
                        (true, 0) => "1001",
                        (true, _) => "1002",
                        _ => "",
                    },
                    ..Written::of(ev, self.clock)
                };
                let bytes = photo_of(rooms[camera], Taking::at(ev), self.number as u64);
                self.add(name, with_exif(&bytes, &written), Some(sets[camera]));
            }
        }
        self.walk();
    }

    /// What happens to files afterwards.
    fn accidents(&mut self) {
        let count = self.shots.len();
        if self.random.below(3) == 0 {
            let place = self.random.below(count);
            let shot = &mut self.shots[place];
            let half = shot.bytes.len() / 2;
            shot.bytes.truncate(half);
            shot.usable = false;
        }
        if self.random.below(3) == 0 {
            let mut copy = self.shots[self.random.below(count)].clone();
            copy.file = format!("zz copy of {}", copy.file);
            copy.usable = false;
            self.shots.push(copy);
        }
        if self.random.below(3) == 0 {
            // Photos of cameras get other names; the time stays in them.
            for (place, shot) in self.shots.iter_mut().enumerate() {
                if shot.file.starts_with("DSC_") {
                    let mixed = (place as u64).wrapping_mul(2_654_435_761) % 9973;
                    shot.file = format!("upload {mixed:04}-{place}.jpg");
                }
            }
        }
    }
}

/// A random shoot of a house: brackets of all kinds among photos of their own.
pub(crate) fn shoot(seed: u64) -> Vec<Shot> {
    let mut shoot = Shoot {
        random: Random::new(seed),
        shots: Vec::new(),
        sets: 0,
        room: seed * 1000,
        clock: 0.0,
        number: 0,
    };
    for _ in 0..3 + shoot.random.below(3) {
        match shoot.random.below(6) {
            0 => shoot.bracket(""),
            1 => shoot.bracket("1001"),
            2 => shoot.by_hand(),
            3 => shoot.named(),
            4 => shoot.two_cameras(),
            _ => {}
        }
        shoot.singles();
    }
    shoot.accidents();
    shoot.shots
}
