//! What `raster` promises, tried.

use super::*;
use plotters::prelude::*;

/// Draws one text on 40 x 20 white pixels and gives the rows back as marks.
fn drawn(text: &str) -> Vec<String> {
    let size = (40, 20);
    let mut pixels = vec![255; 40 * 20 * 3];
    {
        let area = Raster::new(&mut pixels, size).into_drawing_area();
        let style = ("sans-serif", 8).into_font().color(&BLACK);
        area.draw_text(text, &style, (2, 2)).expect("pixels take everything");
    }
    let dark = |place: usize| pixels[place * 3] < 128;
    (0..20).map(|y| (0..40).map(|x| if dark(y * 40 + x) { '#' } else { ' ' }).collect()).collect()
}

#[test]
fn letters_are_drawn_without_any_font() {
    let rows = drawn("H1");
    let first: Vec<&str> = rows[2..9].iter().map(|row| &row[2..13]).collect();
    assert_eq!(first[0], "#   #   #  ");
    assert_eq!(first[3], "#####   #  ");
    assert_eq!(first[6], "#   #  ### ");
}

#[test]
fn what_lies_outside_is_left_out_and_what_is_unknown_is_a_question() {
    assert_eq!(drawn("é"), drawn("?"));
    let long = drawn(&"W".repeat(50));
    assert!(long[2].contains('#'));
}

#[test]
fn the_picture_is_a_png() {
    let pixels = vec![7; 4 * 3 * 3];
    let mut out = Vec::new();
    png(&mut out, &pixels, (4, 3)).expect("memory takes everything");
    let decoder = png::Decoder::new(std::io::Cursor::new(out));
    let mut reader = decoder.read_info().expect("it is a PNG");
    let mut back = vec![0; reader.output_buffer_size().expect("it is small")];
    reader.next_frame(&mut back).expect("it is whole");
    assert_eq!(back, pixels);
}
