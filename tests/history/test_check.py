"""The checker's verdicts on histories that are right and that are wrong."""

import unittest

from story import Story


class Barrier(unittest.TestCase):
    def test_a_signature_one_nanosecond_after_a_disable_is_refuted(self):
        story = Story()
        disable = story.disable(20, 30, 2)
        sign = story.sign(31, 40)
        found = story.violations()
        self.assertEqual(["barrier"], [one.kind for one in found])
        self.assertEqual([str(disable), str(sign)], [one.id for one in found[0].operations])
        self.assertIn("1 ns after disable", found[0].text)

    def test_a_signature_that_overlaps_the_disable_is_allowed(self):
        story = Story()
        story.disable(20, 30, 2)
        story.sign(30, 40)
        story.sign(15, 90, "a")
        self.assertEqual([], story.kinds())

    def test_a_signature_after_a_later_enable_was_invoked_is_allowed(self):
        story = Story()
        story.disable(20, 30, 2)
        story.enable(50, 70, 3)
        story.sign(40, 50)
        story.sign(55, 60, "a")
        self.assertEqual([], story.kinds())

    def test_a_signature_that_ends_before_the_enable_is_invoked_is_refuted(self):
        story = Story()
        story.disable(20, 30, 2)
        story.enable(50, 70, 3)
        story.sign(40, 49)
        self.assertEqual(["barrier"], story.kinds())

    def test_the_disable_that_changed_nothing_promises_the_same(self):
        story = Story()
        story.unknown("disable", 20)
        story.disable(25, 30, 2)
        story.sign(31, 32)
        self.assertEqual(["barrier"], story.kinds())

    def test_an_enable_of_before_the_disable_does_not_excuse_a_signature(self):
        story = Story()
        story.disable(12, 14, 2)
        story.enable(15, 29, 3)
        story.disable(30, 40, 4)
        story.sign(41, 42)
        self.assertEqual(["barrier"], story.kinds())

    def test_an_enable_that_overlaps_the_disable_excuses_only_when_it_came_after(self):
        after, before = Story(), Story()
        for story, enabled, disabled in ((after, 3, 2), (before, 1, 2)):
            story.enable(20, 40, enabled)
            story.disable(21, 30, disabled)
            story.sign(50, 60)
        self.assertEqual([], after.kinds())
        self.assertEqual(["barrier"], before.kinds())

    def test_an_enable_without_an_answer_excuses_any_later_signature(self):
        story = Story()
        story.disable(20, 30, 2)
        story.unknown("enable", 35)
        story.sign(1000, 1001)
        self.assertEqual([], story.kinds())

    def test_a_refused_enable_excuses_nothing(self):
        story = Story()
        story.disable(20, 30, 2)
        story.refused("enable", 35, 36, "permission_denied")
        story.sign(40, 41)
        self.assertEqual(["barrier"], story.kinds())

    def test_an_enable_that_was_answered_unavailable_may_have_been_done(self):
        story = Story()
        story.disable(20, 30, 2)
        story.refused("enable", 35, 36, "unavailable")
        story.sign(40, 41)
        self.assertEqual([], story.kinds())

    def test_the_answer_to_a_repeated_disable_is_of_when_it_was_done(self):
        story = Story()
        story.unknown("disable", 20, request_id="x")
        story.enable(30, 40, 3)
        story.disable(50, 60, 2, request_id="x")
        story.sign(70, 80)
        self.assertEqual([], story.kinds())

    def test_a_rotation_whose_answer_is_disabled_promises_that_too(self):
        story = Story()
        story.unknown("disable", 20)
        story.rotate(25, 30, 3, 2, state="disabled")
        story.sign(31, 32)
        self.assertEqual(["barrier"], story.kinds())

    def test_a_library_that_does_not_tell_the_site_is_held_to_what_no_site_may(self):
        story = Story()
        story.disable(20, 30, 2, uninformed_sites=[{"site": "b", "until_ns": 100}])
        story.sign(50, 60, None)
        story.sign(101, 110, None)
        self.assertEqual(["barrier"], story.kinds())


class UninformedSites(unittest.TestCase):
    def setUp(self):
        self.story = Story()
        self.story.disable(20, 30, 2, uninformed_sites=[{"site": "b", "until_ns": 100}])

    def test_the_named_site_may_go_on_until_its_time(self):
        self.story.sign(100, 140, "b")
        self.assertEqual([], self.story.kinds())

    def test_not_a_nanosecond_longer(self):
        self.story.sign(101, 140, "b")
        found = self.story.violations()
        self.assertEqual(["barrier"], [one.kind for one in found])
        self.assertIn("1 ns after the time until which it might", found[0].text)

    def test_no_other_site_may(self):
        self.story.sign(31, 40, "a")
        self.assertEqual(["barrier"], self.story.kinds())

    def test_a_later_answer_that_does_not_name_it_ends_it(self):
        self.story.disable(40, 50, 2)
        self.story.sign(45, 55, "b")
        self.assertEqual([], self.story.kinds())
        self.story.sign(51, 55, "b")
        self.assertEqual(["barrier"], self.story.kinds())

    def test_it_may_not_go_back_once_it_was_informed(self):
        self.story.refused("sign", 40, 41, "failed_precondition", site="b", state="disabled")
        self.story.sign(42, 43, "b")
        self.assertEqual(["backwards"], self.story.kinds())

    def test_a_key_whose_rule_is_stop_has_none(self):
        for rule, kinds in (("stop", ["isolation"]), ("continue", [])):
            story = Story(isolation=rule)
            story.disable(20, 30, 2, uninformed_sites=[{"site": "b", "until_ns": 100}])
            self.assertEqual(kinds, story.kinds(), rule)

    def test_the_rule_is_the_one_of_then(self):
        story = Story(isolation="continue", policy="P0")
        story.change("policy", 20, 30, "enabled", 1, 2, policy="P1", isolation="stop",
                     uninformed_sites=[{"site": "b", "until_ns": 100}])
        self.assertEqual([], story.kinds())
        story.disable(40, 50, 3, uninformed_sites=[{"site": "b", "until_ns": 100}])
        self.assertEqual(["isolation"], story.kinds())


class Rotation(unittest.TestCase):
    def test_what_is_started_after_it_returned_is_by_the_new_version(self):
        story = Story()
        story.rotate(20, 30, 2, 2)
        story.sign(30, 31, version=1)
        story.sign(31, 32, version=2)
        self.assertEqual([], story.kinds())
        story.sign(31, 32, "a", version=1)
        self.assertEqual(["old-version"], story.kinds())

    def test_the_new_version_signs_not_before_the_rotation_was_invoked(self):
        story = Story()
        story.sign(12, 19, version=2)
        story.rotate(20, 30, 2, 2)
        self.assertEqual(["early"], story.kinds())

    def test_a_version_that_nobody_made_is_unaccounted(self):
        story = Story()
        story.sign(12, 19, version=2)
        self.assertEqual(["unaccounted"], story.kinds())

    def test_a_rotation_without_an_answer_may_show_in_signatures_only(self):
        story = Story()
        story.unknown("rotate", 15)
        story.sign(20, 30, version=2)
        self.assertEqual([], story.kinds())
        story.sign(31, 40, version=1)
        self.assertEqual(["backwards"], story.kinds())

    def test_sites_need_not_turn_to_it_at_once_before_it_returned(self):
        story = Story()
        story.rotate(20, 50, 2, 2)
        story.sign(21, 25, "a", version=2)
        story.sign(30, 35, "b", version=1)
        self.assertEqual([], story.kinds())


class Requests(unittest.TestCase):
    def test_a_repeated_request_gets_the_same_answer(self):
        story = Story()
        story.unknown("disable", 20, request_id="x")
        story.disable(30, 40, 2, request_id="x")
        story.disable(50, 60, 2, request_id="x", site="b")
        self.assertEqual([], story.kinds())

    def test_answers_to_one_request_may_differ_in_whom_they_could_not_tell(self):
        story = Story()
        story.disable(20, 30, 2, request_id="x", uninformed_sites=[{"site": "b", "until_ns": 100}])
        story.disable(50, 60, 2, request_id="x")
        story.sign(55, 90, "b")
        self.assertEqual([], story.kinds())
        story.sign(61, 90, "b")
        self.assertEqual(["barrier"], story.kinds())

    def test_two_answers_to_one_request_are_refuted(self):
        story = Story()
        story.rotate(20, 30, 2, 2, request_id="x")
        story.rotate(40, 50, 3, 3, request_id="x")
        self.assertIn("twice", story.kinds())

    def test_a_request_that_took_effect_twice_shows_in_the_revisions(self):
        story = Story()
        story.rotate(20, 30, 2, 2, request_id="x")
        story.get(40, 50, "enabled", 3, 3)
        self.assertEqual(["unaccounted"], story.kinds())

    def test_a_toggle_that_took_effect_twice_shows_as_well(self):
        story = Story()
        story.disable(20, 30, 2, request_id="x")
        story.enable(40, 50, 3)
        story.get(60, 70, "disabled", 1, 4)
        self.assertEqual(["unaccounted"], story.kinds())

    def test_one_unanswered_change_explains_one_revision(self):
        story = Story()
        story.unknown("rotate", 20)
        story.get(30, 40, "enabled", 2, 2)
        self.assertEqual([], story.kinds())
        story.get(50, 60, "enabled", 3, 3)
        self.assertEqual(["unaccounted"], story.kinds())

    def test_attempts_at_one_request_are_one_change(self):
        story = Story()
        story.unknown("rotate", 20, request_id="x")
        story.unknown("rotate", 25, request_id="x", site="b")
        story.get(50, 60, "enabled", 3, 3)
        self.assertEqual(["unaccounted"], story.kinds())

    def test_a_refused_change_took_no_effect(self):
        story = Story()
        story.refused("disable", 20, 30, "failed_precondition")
        story.get(50, 60, "disabled", 1, 2)
        self.assertEqual(["unaccounted"], story.kinds())

    def test_two_rotations_cannot_both_have_made_a_revision(self):
        story = Story()
        story.rotate(20, 30, 2, 2)
        story.rotate(21, 31, 2, 2)
        self.assertEqual(["lost"], story.kinds())

    def test_two_creations_cannot_both_have_made_the_key(self):
        story = Story()
        story.change("create", 5, 12, "enabled", 1, 1)
        self.assertEqual(["lost"], story.kinds())

    def test_an_answer_that_no_such_change_can_have_is_refuted(self):
        story = Story()
        story.change("disable", 20, 30, "enabled", 1, 1)
        self.assertEqual(["unaccounted"], story.kinds())


class LostChanges(unittest.TestCase):
    def test_final_reads_that_agree_are_right(self):
        story = Story()
        story.disable(20, 30, 2)
        story.final(100, "disabled", 1, 2)
        self.assertEqual([], story.kinds(final_reads=True))

    def test_a_final_read_without_the_change_is_refuted_at_each_site(self):
        story = Story()
        story.disable(20, 30, 2)
        story.final(100, "enabled", 1, 1)
        self.assertEqual(["lost", "lost"], story.kinds(final_reads=True))

    def test_a_site_that_lost_it_alone_is_found(self):
        story = Story()
        story.disable(20, 30, 2)
        story.get(100, 101, "disabled", 1, 2, site="a", final=True)
        story.get(100, 101, "enabled", 1, 1, site="b", final=True)
        self.assertEqual(["lost"], story.kinds(final_reads=True))

    def test_a_change_whose_revision_another_has_taken_is_lost(self):
        story = Story()
        story.disable(20, 30, 2)
        story.rotate(40, 50, 2, 2)
        self.assertIn("lost", story.kinds())

    def test_a_key_that_is_gone_is_lost(self):
        story = Story()
        story.get(100, 101, "enabled", 1, 1, site="a", final=True)
        story.refused("get", 100, 101, "not_found", site="b", final=True)
        self.assertEqual({"lost", "stale"}, set(story.kinds(final_reads=True)))

    def test_a_final_read_that_is_missing_or_failed_is_told(self):
        story = Story()
        story.sign(20, 30, "b")
        story.get(100, 101, "enabled", 1, 1, final=True)
        self.assertEqual(["unread"], story.kinds(final_reads=True))
        story.add("get", 100, None, site="b", outcome="unknown", final=True)
        self.assertEqual(["unread"], story.kinds(final_reads=True))

    def test_a_final_read_before_the_end_is_none(self):
        story = Story()
        story.final(20, "enabled", 1, 1)
        story.disable(30, 40, 2)
        self.assertEqual(["unread", "unread"], story.kinds(final_reads=True))

    def test_a_key_whose_creation_never_happened_needs_no_final_read(self):
        story = Story(create=False)
        story.unknown("create", 20)
        self.assertEqual([], story.kinds(final_reads=True))


class UnknownOutcomes(unittest.TestCase):
    def test_it_may_take_effect_long_after(self):
        story = Story()
        story.unknown("disable", 20)
        story.get(500, 510, "enabled", 1, 1)
        story.get(900, 910, "disabled", 1, 2)
        self.assertEqual([], story.kinds())

    def test_it_may_never(self):
        story = Story()
        story.unknown("disable", 20)
        story.rotate(40, 50, 2, 2)
        story.final(100, "enabled", 2, 2)
        self.assertEqual([], story.kinds(final_reads=True))

    def test_it_may_between_the_final_reads(self):
        story = Story()
        story.unknown("disable", 20)
        story.get(100, 101, "enabled", 1, 1, site="a", final=True)
        story.get(102, 103, "disabled", 1, 2, site="b", final=True)
        self.assertEqual([], story.kinds(final_reads=True))

    def test_it_cannot_before_it_was_invoked(self):
        story = Story()
        story.get(20, 30, "disabled", 1, 2)
        story.unknown("disable", 31)
        self.assertEqual(["unaccounted"], story.kinds())

    def test_it_makes_the_answered_change_one_that_changed_nothing(self):
        story = Story()
        story.unknown("disable", 20)
        story.get(30, 40, "disabled", 1, 2)
        story.disable(50, 60, 2)
        self.assertEqual([], story.kinds())

    def test_without_it_the_answered_change_comes_too_late(self):
        story = Story()
        story.get(30, 40, "disabled", 1, 2)
        story.disable(50, 60, 2)
        self.assertEqual(["early"], story.kinds())

    def test_several_fill_a_gap_in_the_only_order_that_signatures_allow(self):
        story = Story()
        for op in ("rotate", "disable", "enable"):
            story.unknown(op, 20)
        story.get(100, 110, "enabled", 2, 4)
        self.assertEqual([], story.kinds())
        story.sign(30, 40, version=2)
        story.refused("sign", 50, 60, "failed_precondition", site="b", state="disabled")
        self.assertEqual([], story.kinds())
        story.sign(70, 80, version=1)
        self.assertNotEqual([], story.kinds())

    def test_an_unknown_creation_may_have_made_the_key(self):
        story = Story(create=False)
        story.unknown("create", 0)
        story.get(20, 30, "enabled", 1, 1)
        self.assertEqual([], story.kinds())


class Reads(unittest.TestCase):
    def test_a_read_of_what_was_is_stale(self):
        story = Story()
        disable = story.disable(20, 30, 2)
        read = story.get(31, 40, "enabled", 1, 1)
        found = story.violations()
        self.assertEqual(["stale"], [one.kind for one in found])
        self.assertEqual([str(disable), str(read)], [one.id for one in found[0].operations])

    def test_a_read_that_overlaps_the_change_may_see_either(self):
        for seen in (("enabled", 1, 1), ("disabled", 1, 2)):
            story = Story()
            story.disable(20, 30, 2)
            story.get(25, 40, *seen)
            self.assertEqual([], story.kinds())

    def test_a_read_older_than_another_read_is_stale(self):
        story = Story()
        story.disable(20, 90, 2)
        story.get(25, 30, "disabled", 1, 2)
        story.get(31, 40, "enabled", 1, 1, site="b")
        self.assertEqual(["stale"], story.kinds())

    def test_a_read_older_than_what_a_signature_showed_is_stale(self):
        story = Story()
        story.rotate(20, 90, 2, 2)
        story.sign(25, 30, version=2)
        story.get(31, 40, "enabled", 1, 1)
        self.assertEqual(["stale"], story.kinds())

    def test_two_reads_that_contradict_each_other_are_refuted(self):
        story = Story()
        story.disable(20, 30, 2)
        story.get(31, 40, "enabled", 1, 2)
        self.assertEqual(["twice"], story.kinds())

    def test_a_read_from_a_view_may_lag_until_the_change_returned(self):
        story = Story()
        story.disable(20, 50, 2)
        story.get(21, 25, "disabled", 1, 2, site="a", view=True)
        story.get(30, 35, "enabled", 1, 1, site="b", view=True)
        self.assertEqual([], story.kinds())
        story.get(51, 55, "enabled", 1, 1, site="b", view=True)
        self.assertEqual(["stale"], story.kinds())

    def test_a_refusal_for_being_disabled_is_stale_after_the_enable_returned(self):
        story = Story()
        story.disable(20, 30, 2)
        story.enable(40, 50, 3)
        story.refused("sign", 45, 60, "failed_precondition", site="b", state="disabled")
        self.assertEqual([], story.kinds())
        story.refused("sign", 51, 60, "failed_precondition", site="b", state="disabled")
        self.assertEqual(["stale"], story.kinds())

    def test_a_key_that_is_not_found_after_its_creation_returned_is_stale(self):
        story = Story()
        story.refused("sign", 5, 12, "not_found", site="b")
        self.assertEqual([], story.kinds())
        story.refused("sign", 11, 12, "not_found", site="b")
        self.assertEqual(["stale"], story.kinds())

    def test_a_key_of_before_needs_a_first_read_and_goes_on_from_it(self):
        story = Story(create=False)
        story.get(0, 5, "disabled", 3, 7)
        story.enable(10, 20, 8, version=3)
        story.sign(30, 40, version=3)
        self.assertEqual([], story.kinds())
        story.get(50, 60, "enabled", 2, 6)
        self.assertEqual(["stale"], story.kinds())


class SameStateAndPolicy(unittest.TestCase):
    def test_a_change_to_the_state_that_is_does_not_count(self):
        story = Story()
        story.enable(12, 14, 1)
        story.disable(20, 30, 2)
        story.disable(40, 50, 2)
        story.enable(60, 70, 3)
        story.final(100, "enabled", 1, 3)
        self.assertEqual([], story.kinds(final_reads=True))

    def test_one_that_counted_all_the_same_is_unaccounted(self):
        story = Story()
        story.disable(20, 30, 2)
        story.disable(40, 50, 3)
        self.assertEqual(["unaccounted"], story.kinds())

    def test_a_same_state_answer_with_an_old_revision_is_stale(self):
        story = Story()
        story.disable(20, 30, 2)
        story.enable(40, 50, 3)
        story.disable(60, 70, 2)
        self.assertEqual(["stale"], story.kinds())

    def test_a_policy_counts_when_it_is_another(self):
        story = Story(policy="P0")
        story.change("policy", 12, 14, "enabled", 1, 1, policy="P0")
        story.change("policy", 20, 30, "enabled", 1, 2, policy="P1")
        story.get(40, 50, "enabled", 1, 2, policy="P1")
        self.assertEqual([], story.kinds())
        story.change("policy", 60, 70, "enabled", 1, 3, policy="P1")
        self.assertEqual(["unaccounted"], story.kinds())

    def test_a_policy_that_was_lost_is_found(self):
        story = Story(policy="P0")
        story.change("policy", 20, 30, "enabled", 1, 2, policy={"isolation": "STOP"})
        story.get(40, 50, "enabled", 1, 2, policy="P0")
        self.assertEqual(["twice"], story.kinds())

    def test_an_unanswered_policy_explains_only_itself(self):
        for policy, kinds in (("P1", []), ("P2", ["unaccounted"])):
            story = Story(policy="P0")
            story.unknown("policy", 20, policy="P1")
            story.get(30, 40, "enabled", 1, 2, policy=policy)
            self.assertEqual(kinds, story.kinds(), policy)

    def test_an_unknown_policy_may_have_counted_or_not(self):
        for revision in (2, 3):
            story = Story()
            story.unknown("policy", 20)
            story.disable(40, 50, revision)
            self.assertEqual([], story.kinds())


class Signatures(unittest.TestCase):
    def test_one_that_does_not_verify_is_refuted(self):
        story = Story()
        story.sign(20, 30, verified=False)
        self.assertEqual(["unverified"], story.kinds())

    def test_keys_do_not_disturb_each_other(self):
        story = Story()
        story.change("create", 0, 10, "enabled", 1, 1, key="other")
        story.disable(20, 30, 2)
        story.sign(40, 50, key="other")
        self.assertEqual([], story.kinds())


if __name__ == "__main__":
    unittest.main()
