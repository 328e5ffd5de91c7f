use super::*;

fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
    Event::Key(KeyEvent::new(code, modifiers))
}

#[test]
fn a_key_says_what_somebody_wants() {
    let table = [
        (KeyCode::Char('q'), KeyModifiers::NONE, Wish::Quit),
        (KeyCode::Esc, KeyModifiers::NONE, Wish::Quit),
        (KeyCode::Char('c'), KeyModifiers::CONTROL, Wish::Quit),
        (KeyCode::Char('c'), KeyModifiers::NONE, Wish::Nothing),
        (KeyCode::Char('p'), KeyModifiers::NONE, Wish::Pause),
        (KeyCode::Char('?'), KeyModifiers::SHIFT, Wish::Help),
        (KeyCode::Enter, KeyModifiers::NONE, Wish::Nothing),
    ];
    for (code, modifiers, expected) in table {
        assert_eq!(wish(&key(code, modifiers)), expected, "{code:?}");
    }
    assert_eq!(wish(&Event::Resize(80, 24)), Wish::Nothing);
    let mut released = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
    released.kind = KeyEventKind::Release;
    assert_eq!(wish(&Event::Key(released)), Wish::Nothing);
}

#[test]
fn a_source_that_fails_is_asked_less_and_less_often_but_never_given_up() {
    let waits = [0, 1, 2, 3, 4, 5, 99].map(|failed| wait(Duration::from_secs(2), failed).as_secs());
    assert_eq!(waits, [2, 4, 8, 16, 30, 30, 30]);
    assert_eq!(wait(Duration::from_secs(60), 3).as_secs(), 60);
}
