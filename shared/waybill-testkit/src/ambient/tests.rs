//! Facts about time and chance in tests.

use std::time::Duration;

use waybill_engine::ports::Ambient;

use super::TestAmbient;

#[tokio::test(start_paused = true)]
async fn time_stands_still_until_it_is_advanced() {
    let ambient = TestAmbient::default();
    assert_eq!(ambient.now(), TestAmbient::BASE);
    tokio::time::advance(Duration::from_millis(1500)).await;
    assert_eq!(ambient.now().since(TestAmbient::BASE).as_millis(), 1500);
}

#[tokio::test]
async fn chance_is_decided_by_the_seed() {
    let draw = |seed| {
        let ambient = TestAmbient::seeded(seed);
        [ambient.random(), ambient.random(), ambient.random()]
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
    // The published first output of splitmix64 with seed 0.
    assert_eq!(draw(0)[0], 0xe220_a839_7b1d_cdaf);
}
