//! The XMP packet of a delivered picture: its description, its alt text, where its pixels come from
//! and which program wrote it. Nothing of the camera, the place or the person goes in.

use super::disclosure::Disclosure;
use crate::domain::listing::Panorama;

/// What a packet says of one file.
pub(super) struct Packet<'a> {
    /// Title for people: the listing's.
    pub(super) title: &'a str,
    /// Caption of the picture with its disclosure.
    pub(super) description: &'a str,
    /// Text for those who cannot see the picture.
    pub(super) alt_text: &'a str,
    /// How it is classed.
    pub(super) disclosure: &'a Disclosure,
    /// The program and its version.
    pub(super) generator: &'a str,
    /// What a viewer of panoramas has to know, in pixels of this file.
    pub(super) panorama: Option<&'a Panorama>,
}

impl Packet<'_> {
    /// The packet as XML, in the form of the XMP specification part 1 (ISO 16684-1) with the
    /// namespaces of the IPTC Photo Metadata Standard 2023.
    pub(super) fn to_xml(&self) -> String {
        format!(
            concat!(
                "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n",
                "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n",
                " <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n",
                "  <rdf:Description rdf:about=\"\"\n",
                "    xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n",
                "    xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n",
                "    xmlns:Iptc4xmpCore=\"http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/\"\n",
                "    xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\"{namespace}>\n",
                "   <xmp:CreatorTool>{generator}</xmp:CreatorTool>\n",
                "   <dc:format>image/jpeg</dc:format>\n",
                "   <dc:title>{title}</dc:title>\n",
                "   <dc:description>{description}</dc:description>\n",
                "   <Iptc4xmpCore:AltTextAccessibility>{alt_text}</Iptc4xmpCore:AltTextAccessibility>\n",
                "   <Iptc4xmpExt:DigitalSourceType>{source_type}</Iptc4xmpExt:DigitalSourceType>\n",
                "{panorama}",
                "  </rdf:Description>\n",
                " </rdf:RDF>\n",
                "</x:xmpmeta>\n",
                "<?xpacket end=\"r\"?>",
            ),
            generator = escaped(self.generator),
            title = in_default_language(self.title),
            description = in_default_language(self.description),
            alt_text = in_default_language(self.alt_text),
            source_type = self.disclosure.digital_source_type.uri(),
            namespace = if self.panorama.is_some() {
                "\n    xmlns:GPano=\"http://ns.google.com/photos/1.0/panorama/\""
            } else {
                ""
            },
            panorama = self.panorama.map(gpano).unwrap_or_default(),
        )
    }
}

/// The GPano properties ("Photo Sphere XMP Metadata", Google, 2014).
fn gpano(panorama: &Panorama) -> String {
    let mut text = String::new();
    let mut put = |name: &str, value: &str| {
        text.push_str(&format!("   <GPano:{name}>{value}</GPano:{name}>\n"));
    };
    put("UsePanoramaViewer", "True");
    put("ProjectionType", panorama.projection.name());
    for (name, pixels) in [
        ("CroppedAreaImageWidthPixels", panorama.width),
        ("CroppedAreaImageHeightPixels", panorama.height),
        ("FullPanoWidthPixels", panorama.full_width),
        ("FullPanoHeightPixels", panorama.full_height),
        ("CroppedAreaLeftPixels", panorama.left),
        ("CroppedAreaTopPixels", panorama.top),
    ] {
        put(name, &pixels.to_string());
    }
    for (name, degrees) in [
        ("PoseHeadingDegrees", panorama.heading),
        ("PosePitchDegrees", panorama.pitch),
        ("PoseRollDegrees", panorama.roll),
        ("InitialViewHeadingDegrees", panorama.initial_heading),
        ("InitialViewPitchDegrees", panorama.initial_pitch),
        ("InitialViewRollDegrees", panorama.initial_roll),
    ] {
        if let Some(degrees) = degrees {
            put(name, &degrees.to_string());
        }
    }
    text
}

fn in_default_language(text: &str) -> String {
    format!(
        "<rdf:Alt><rdf:li xml:lang=\"x-default\">{}</rdf:li></rdf:Alt>",
        escaped(text)
    )
}

/// Characters of a text that are kept: all texts together, escaped, fit the one segment of a JPEG
/// that holds a packet (65 502 bytes), whatever somebody typed as a title.
const LONGEST_TEXT: usize = 1000;

/// Escapes markup and leaves out the characters that XML 1.0 has no way to write.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len().min(LONGEST_TEXT));
    for character in text.chars().take(LONGEST_TEXT) {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            _ if character.is_control() => {}
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::disclosure::{Basis, classify};
    use crate::domain::operation::OperationKind;

    #[test]
    fn titles_cannot_break_out_of_the_packet() {
        let disclosure = classify(&[OperationKind::Enhance], Basis::SingleExposure);
        let packet = Packet {
            title: "</rdf:li><evil/>\u{0}& \"x\"",
            description: "a < b",
            alt_text: "line\nbreak",
            disclosure: &disclosure,
            generator: "remedia 1",
            panorama: None,
        }
        .to_xml();
        assert!(packet.contains("&lt;/rdf:li&gt;&lt;evil/&gt;&amp; &quot;x&quot;"));
        assert!(packet.contains("line break"));
        assert!(packet.contains(
            "<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced<"
        ));
        assert!(!packet.contains('\u{0}'));
    }

    #[test]
    fn a_packet_fits_its_segment_whatever_the_title() {
        let disclosure = classify(&[], Basis::Original);
        let long = "\"\u{1f3e0}".repeat(50_000);
        let packet = Packet {
            title: &long,
            description: &long,
            alt_text: &long,
            disclosure: &disclosure,
            generator: "remedia 1",
            panorama: None,
        };
        assert!(packet.to_xml().len() < 65_502 / 2);
    }
}
