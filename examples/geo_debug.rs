use remedia::imaging::{Picture, lines, warp::Lens};
fn main() {
    let mut args = std::env::args().skip(1);
    let path = args.next().unwrap();
    let f: f64 = args.next().unwrap().parse().unwrap();
    let turn = args.next().is_some();
    let mut image = image::open(path).unwrap();
    if turn {
        image.apply_orientation(image::metadata::Orientation::Rotate90);
    }
    let image = image.into_rgb8();
    let (w, h) = (image.width() as usize, image.height() as usize);
    let p = Picture::from_eight(w, h, image.into_raw()).unwrap();
    let t = std::time::Instant::now();
    let segs = lines::detect(&lines::Proxy::new(&p));
    println!("{} segments {:?}", segs.len(), t.elapsed());
    lines::straightness::dump(&segs, &Lens::centered(w, h, f));
    println!(
        "{:?} {:?}",
        lines::straightness::distortion(&segs, &Lens::centered(w, h, f)),
        t.elapsed()
    );
    let mut s = String::new();
    for g in &segs {
        for p in &g.points {
            s += &format!("{:.2} {:.2} ", p[0], p[1]);
        }
        s += "\n";
    }
    std::fs::write("/tmp/g/segs.txt", s).unwrap();
}
