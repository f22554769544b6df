//! Checking a style: every value that makes no sense is named by its key, all at once.

use super::plan::ControlNetKind;
use super::room::Setting;
use super::step::EnhancementStep;
use super::style::{LOOK_LIMIT, RetryReason, STYLE_SCHEMA_VERSION, StagingNumbers, Style};

/// A value of a style that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct StyleProblem {
    /// Path of the key, such as `staging.controlnets[0].conditioning_scale`.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Style {
    /// Every value that makes no sense, in the order of the document.
    #[must_use]
    pub fn problems(&self) -> Vec<StyleProblem> {
        let mut check = Check::default();
        if self.schema_version != STYLE_SCHEMA_VERSION {
            check.problem(
                "schema_version",
                format!(
                    "{} is not supported; this build reads {STYLE_SCHEMA_VERSION}",
                    self.schema_version
                ),
            );
        }
        check.name("name", &self.name);
        check.text("title", &self.title, 60);
        check.text("description", &self.description, 400);
        for (index, alias) in self.aliases.iter().enumerate() {
            check.name(&format!("aliases[{index}]"), alias);
        }
        check.count("palette", self.palette.len(), 3, 8);
        for (index, color) in self.palette.iter().enumerate() {
            check.text(&format!("palette[{index}].name"), &color.name, 40);
        }
        for (key, value) in [
            ("look.warmth", self.look.warmth),
            ("look.contrast", self.look.contrast),
            ("look.saturation", self.look.saturation),
        ] {
            check.range(key, value, -LOOK_LIMIT, LOOK_LIMIT);
        }
        for &step in EnhancementStep::ALL {
            if let Err(error) = step.check(step.get(&self.enhancement)) {
                check.problem(&format!("enhancement.{step}"), error.to_string());
            }
        }
        self.check_staging(&mut check);
        if self.rooms.is_empty() {
            check.problem(
                "rooms",
                "at least one room is needed, such as `[rooms.\"Living Room\"]`".to_owned(),
            );
        }
        for (room, content) in &self.rooms {
            let key = format!("rooms.\"{room}\"");
            if room.setting() != Setting::Interior {
                check.problem(&key, "only rooms inside the building are staged".to_owned());
            }
            check.text(&format!("{key}.prompt"), &content.prompt, 300);
            check.longest(
                &format!("{key}.negative_prompt"),
                &content.negative_prompt,
                300,
            );
            check.count(&format!("{key}.furniture"), content.furniture.len(), 1, 8);
            for (index, piece) in content.furniture.iter().enumerate() {
                check.text(&format!("{key}.furniture[{index}]"), piece, 80);
            }
        }
        check.problems
    }

    fn check_staging(&self, check: &mut Check) {
        let staging = &self.staging;
        check.text("staging.prompt", &staging.prompt, 300);
        check.longest("staging.negative_prompt", &staging.negative_prompt, 300);
        if let Some(side) = staging.working_long_side {
            check.range("staging.working_long_side", f64::from(side), 512.0, 2048.0);
        }
        if let Some(threshold) = staging.clip_score_threshold {
            check.range("staging.clip_score_threshold", threshold, 0.0, 2.5);
        }
        let mut kinds: Vec<ControlNetKind> = Vec::new();
        for (index, controlnet) in staging.controlnets.iter().enumerate() {
            let key = format!("staging.controlnets[{index}]");
            if kinds.contains(&controlnet.kind) {
                check.problem(
                    &format!("{key}.kind"),
                    "this kind is already listed above".to_owned(),
                );
            }
            kinds.push(controlnet.kind);
            let (start, end) = (
                controlnet.control_guidance_start,
                controlnet.control_guidance_end,
            );
            check.range(&format!("{key}.control_guidance_start"), start, 0.0, 1.0);
            check.range(&format!("{key}.control_guidance_end"), end, 0.0, 1.0);
            if start >= end {
                check.problem(
                    &format!("{key}.control_guidance_start"),
                    format!("{start} must be below control_guidance_end, which is {end}"),
                );
            }
        }
        // The first attempt is the same for every reason; a mistake in it would only be repeated for
        // each rung.
        let before = check.problems.len();
        check.numbers("staging", &staging.numbers(1, RetryReason::Structure));
        if check.problems.len() > before {
            return;
        }
        for &reason in RetryReason::ALL {
            for (number, rung) in [(2, "second"), (3, "third")] {
                let key = format!("staging.retry.{}.{rung}", reason.name());
                check.numbers(&key, &staging.numbers(number, reason));
            }
        }
    }
}

/// Gathers what is wrong, so that a person sees all of it at once.
#[derive(Default)]
struct Check {
    problems: Vec<StyleProblem>,
}

impl Check {
    fn problem(&mut self, key: &str, problem: String) {
        self.problems.push(StyleProblem {
            key: key.to_owned(),
            problem,
        });
    }

    fn name(&mut self, key: &str, name: &str) {
        let valid = !name.is_empty()
            && name.len() <= 40
            && name.split('-').all(|word| {
                !word.is_empty()
                    && word
                        .bytes()
                        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'))
            });
        if !valid {
            self.problem(
                key,
                format!("`{name}` is not a name: use 1 to 40 lower-case letters, digits and single hyphens"),
            );
        }
    }

    fn text(&mut self, key: &str, text: &str, longest: usize) {
        if text.trim().is_empty() {
            self.problem(key, "the text is empty".to_owned());
        }
        self.longest(key, text, longest);
    }

    fn longest(&mut self, key: &str, text: &str, longest: usize) {
        let length = text.chars().count();
        if length > longest {
            self.problem(
                key,
                format!("{length} characters are too many; {longest} are allowed"),
            );
        }
        if text.chars().any(char::is_control) {
            self.problem(
                key,
                "the text has a line break or a control character".to_owned(),
            );
        }
    }

    fn count(&mut self, key: &str, count: usize, low: usize, high: usize) {
        if !(low..=high).contains(&count) {
            self.problem(key, format!("{count} entries; {low} to {high} are allowed"));
        }
    }

    fn range(&mut self, key: &str, value: f64, low: f64, high: f64) {
        if !(low..=high).contains(&value) {
            self.problem(
                key,
                format!("{value} is out of range; {low} to {high} is allowed"),
            );
        }
    }

    /// The limits hold for the first attempt and for what each rung makes of it.
    fn numbers(&mut self, key: &str, numbers: &StagingNumbers) {
        self.range(&format!("{key}.strength"), numbers.strength, 0.05, 1.0);
        self.range(
            &format!("{key}.guidance_scale"),
            numbers.guidance_scale,
            1.0,
            20.0,
        );
        let steps = f64::from(numbers.num_inference_steps);
        self.range(&format!("{key}.num_inference_steps"), steps, 1.0, 100.0);
        self.range(
            &format!("{key}.mask_growth"),
            numbers.mask_growth,
            0.0,
            60.0,
        );
        let scales = numbers
            .controlnets
            .iter()
            .map(|controlnet| controlnet.conditioning_scale);
        let wrong = scales
            .into_iter()
            .find(|scale| !(0.0..=2.0).contains(scale));
        if let Some(scale) = wrong {
            self.range(&format!("{key}.conditioning_scale"), scale, 0.0, 2.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::enhancement::StepSetting;
    use crate::domain::room::Room;
    use crate::domain::style::RoomStyle;
    use crate::domain::style::tests::sample;

    #[test]
    fn every_value_out_of_range_is_named_by_its_key() {
        let mut style = sample();
        style.name = "Sample Style".to_owned();
        style.look.contrast = 0.5;
        style.enhancement.exposure = StepSetting::Fixed(9.0);
        style.staging.strength = 0.15;
        style.staging.controlnets[0].control_guidance_end = 0.0;
        style.rooms.insert(
            Room::Patio,
            RoomStyle {
                prompt: " ".to_owned(),
                negative_prompt: String::new(),
                furniture: vec![],
            },
        );
        let problems: Vec<String> = style.problems().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(problems.join("\n"), @r#"
        name: `Sample Style` is not a name: use 1 to 40 lower-case letters, digits and single hyphens
        look.contrast: 0.5 is out of range; -0.4 to 0.4 is allowed
        enhancement.exposure: 9 is out of range: `exposure` takes -3 to 3 (EV), `auto` or `off`
        staging.controlnets[0].control_guidance_start: 0 must be below control_guidance_end, which is 0
        staging.retry.structure.third.strength: -0.05 is out of range; 0.05 to 1 is allowed
        rooms."Patio": only rooms inside the building are staged
        rooms."Patio".prompt: the text is empty
        rooms."Patio".furniture: 0 entries; 1 to 8 are allowed
        "#);
        assert!(sample().problems().is_empty());
    }
}
