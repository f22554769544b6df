//! The words and numbers of an attempt: a room of a style becomes what a diffusion model is asked.

use crate::domain::plan::AttemptParameters;
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

fn listed<const N: usize>(parts: [&str; N]) -> String {
    let parts: Vec<&str> = parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(", ")
}
