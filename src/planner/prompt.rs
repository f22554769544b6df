//! The words and numbers of an attempt: a room of a style becomes what a diffusion model is asked.

use crate::domain::plan::{AttemptParameters, ClipPrompts, ContrastKind, ContrastPrompt};
use crate::domain::room::Room;
use crate::domain::style::{RetryReason, RoomStyle, Style};

/// What no style may ask for, in front of every negative prompt: the house stays as it is, and nobody
/// and nothing readable stands in it.
pub const HOUSE_NEGATIVES: &str = "new window, new door, changed walls, changed floor, changed lighting, people, pets, text, logo, watermark, distorted, blurry";

/// The colours that lead a palette; more would dilute the prompt.
const PALETTE_COLORS_IN_PROMPT: usize = 3;

/// What attempt `number` (1 for the first) is asked for `room`, after rejections for `reason`. The
/// first attempt is the same for every reason. Nothing where the style furnishes no such room.
#[must_use]
pub fn retry_parameters(
    style: &Style,
    room: Room,
    number: u32,
    reason: RetryReason,
) -> Option<AttemptParameters> {
    let content = style.room(room)?;
    let numbers = style.staging.numbers(number, reason);
    Some(AttemptParameters::Diffusion {
        prompt: prompt(style, room, content),
        negative_prompt: listed([
            HOUSE_NEGATIVES,
            &content.negative_prompt,
            &style.staging.negative_prompt,
        ]),
        strength: numbers.strength,
        guidance_scale: numbers.guidance_scale,
        num_inference_steps: numbers.num_inference_steps,
        scheduler: style.staging.scheduler,
        controlnets: numbers.controlnets,
        mask_growth: numbers.mask_growth,
    })
}

/// The leading words weigh most and a CLIP text encoder reads 77 tokens: style and room first, then
/// the furniture, then materials and colours.
fn prompt(style: &Style, room: Room, content: &RoomStyle) -> String {
    let opening = format!(
        "{} {}",
        style.title.to_lowercase(),
        room.name().to_lowercase()
    );
    let furniture = content.furniture.join(", ");
    let colors: Vec<&str> = style
        .palette
        .iter()
        .take(PALETTE_COLORS_IN_PROMPT)
        .map(|color| color.name.as_str())
        .collect();
    listed([
        &opening,
        &content.prompt,
        &furniture,
        &style.staging.prompt,
        &colors.join(" "),
    ])
}

/// Styles that look unlike each other, for telling a result from another style. Each names the styles
/// too close to it to be told apart.
const CONTRAST_STYLES: &[(&str, &[&str])] = &[
    (
        "modern",
        &["contemporary", "minimalist", "luxury", "transitional"],
    ),
    ("scandinavian", &["japandi", "minimalist", "coastal"]),
    ("industrial", &["rustic"]),
    (
        "farmhouse",
        &["rustic", "traditional", "transitional", "coastal"],
    ),
    ("mediterranean", &["coastal", "boho"]),
    ("art deco", &["art-deco", "luxury", "midcentury"]),
    ("traditional", &["transitional", "luxury", "farmhouse"]),
];

/// Rooms that are told apart easily.
const CONTRAST_ROOMS: &[Room] = &[
    Room::LivingRoom,
    Room::Bedroom,
    Room::Kitchen,
    Room::Bathroom,
    Room::DiningRoom,
    Room::Office,
];

/// The words by which a result is scored. Nothing where the style furnishes no such room.
#[must_use]
pub fn clip_prompts(
    style: &Style,
    room: Room,
    clip_score_threshold: Option<f64>,
) -> Option<ClipPrompts> {
    let content = style.room(room)?;
    let word = style.title.to_lowercase();
    let photo = |style: &str, room: Room| format!("a photo of a {style} {}", spoken(room));
    let right = photo(&word, room);
    let furnished_like = |other: Room| style.room(other) == Some(content);
    let mut contrast = vec![ContrastPrompt {
        kind: ContrastKind::Right,
        label: format!("{word} {}", spoken(room)),
        prompt: right.clone(),
    }];
    contrast.extend(
        CONTRAST_STYLES
            .iter()
            .filter(|(other, near)| *other != style.name && !near.contains(&style.name.as_str()))
            .filter(|(other, _)| *other != word)
            .map(|(other, _)| ContrastPrompt {
                kind: ContrastKind::OtherStyle,
                label: format!("{other} {}", spoken(room)),
                prompt: photo(other, room),
            }),
    );
    contrast.extend(
        CONTRAST_ROOMS
            .iter()
            .filter(|&&other| other != room && !furnished_like(other))
            .map(|&other| ContrastPrompt {
                kind: ContrastKind::OtherRoom,
                label: format!("{word} {}", spoken(other)),
                prompt: photo(&word, other),
            }),
    );
    let plain = |kind, label: &str, prompt: &str| ContrastPrompt {
        kind,
        label: label.to_owned(),
        prompt: prompt.to_owned(),
    };
    contrast.push(plain(
        ContrastKind::Empty,
        "empty room",
        "a photo of an empty room",
    ));
    contrast.push(plain(
        ContrastKind::Blurry,
        "blurry photo",
        "a blurry photo",
    ));
    Some(ClipPrompts {
        prompt: listed([&right, &content.prompt]),
        contrast,
        clip_score_threshold,
    })
}

/// The room in running text.
fn spoken(room: Room) -> String {
    room.name().to_lowercase()
}

fn listed<const N: usize>(parts: [&str; N]) -> String {
    let parts: Vec<&str> = parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::styles::StyleLibrary;

    #[test]
    fn scoring_tells_the_right_room_from_others() {
        let styles = StyleLibrary::load(None).unwrap();
        let style = styles.get("modern").unwrap();
        let prompts = clip_prompts(style, Room::LivingRoom, Some(0.8)).unwrap();
        insta::assert_snapshot!(prompts.prompt);
        let kinds = |kind| {
            prompts
                .contrast
                .iter()
                .filter(move |one| one.kind == kind)
                .count()
        };
        assert_eq!(kinds(ContrastKind::Right), 1);
        assert_eq!(prompts.contrast[0].kind, ContrastKind::Right);
        assert!(kinds(ContrastKind::OtherStyle) >= 4);
        assert_eq!(kinds(ContrastKind::OtherRoom), 5);
        assert!(clip_prompts(style, Room::Garage, None).is_none());
    }
}
