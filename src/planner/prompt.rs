//! The words and numbers of an attempt: a room of a style becomes what a diffusion model is asked.

use crate::domain::plan::{AttemptParameters, ClipPrompts};
use crate::domain::room::Room;
use crate::domain::style::{RetryReason, RoomStyle, Style};
use crate::validate::score::candidates;

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
/// that it cannot be told from.
const CONTRAST_STYLES: &[(&str, &[&str])] = &[
    (
        "modern",
        &["contemporary", "minimalist", "luxury", "transitional"],
    ),
    (
        "scandinavian",
        &["scandinavian", "japandi", "minimalist", "coastal"],
    ),
    ("industrial", &["industrial", "rustic"]),
    (
        "farmhouse",
        &["rustic", "traditional", "transitional", "coastal"],
    ),
    ("mediterranean", &["mediterranean", "coastal", "boho"]),
    ("art deco", &["art-deco", "luxury", "midcentury"]),
    (
        "traditional",
        &["traditional", "transitional", "luxury", "farmhouse"],
    ),
];

/// The words by which a result is scored. Nothing where the style furnishes no such room.
#[must_use]
pub fn clip_prompts(
    style: &Style,
    room: Room,
    clip_score_threshold: Option<f64>,
) -> Option<ClipPrompts> {
    let content = style.room(room)?;
    let others: Vec<&str> = CONTRAST_STYLES
        .iter()
        .filter(|(_, near)| !near.contains(&style.name.as_str()))
        .map(|(other, _)| *other)
        .collect();
    let contrast = candidates(room, &style.title, &others);
    let right = contrast.first()?.prompt.clone();
    Some(ClipPrompts {
        prompt: listed([&right, &content.prompt]),
        contrast,
        clip_score_threshold,
    })
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
        insta::assert_snapshot!(prompts.prompt, @"a photo of a modern living room, calm seating group facing the room");
        let labels: Vec<&str> = prompts
            .contrast
            .iter()
            .map(|one| one.label.as_str())
            .collect();
        assert_eq!(labels[0], "modern living room");
        for label in ["industrial living room", "modern kitchen", "an empty room"] {
            assert!(labels.contains(&label), "{labels:?}");
        }
        // What looks like the style itself is no contrast to it.
        assert!(!labels.contains(&"contemporary living room"));
        assert!(clip_prompts(style, Room::Garage, None).is_none());
    }
}
