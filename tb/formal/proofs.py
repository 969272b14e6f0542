"""The proofs of `make formal`: claims, events that must be possible, changed copies of the RTL that must be refuted."""

from __future__ import annotations

from dataclasses import dataclass, field

ACC, PASSES, SHIFT = "fvgm_dspe_acc", "fvgm_dspe_passes", "fvgm_dspe_shift"
TASKQ = "fvgm_taskq_engine"
UNIT, SEMAPHORES, CONTEXTS = "fvgm_scheduler_unit", "fvgm_scheduler_semaphores", "fvgm_scheduler_contexts"


@dataclass(frozen=True)
class Proof:
    """One run: RTL module, kind, parameters of its formal top; a mutant's text before and after, in `part` of the module."""

    name: str
    module: str
    kind: str
    claim: str
    parameters: dict[str, int] = field(default_factory=dict)
    change: tuple[str, str] | None = None
    part: str = ""


def _mutant(name: str, module: str, claim: str, before: str, after: str, part: str = "") -> Proof:
    return Proof(name, module, "mutant", claim, {}, (before, after), part)


LANES, RESTART = {"Lanes": 1}, {"Lanes": 0}
DSPE = (
    Proof("lanes", ACC, "proof", "each INT8 lane is the sum of its own addends", LANES),
    Proof("restart", ACC, "proof", "an FP16 result is the sum of exactly the steps since the last one", RESTART),
    Proof("passes", PASSES, "proof", "each pair of classes once, pass_last once, advance only then"),
    Proof("shift", SHIFT, "proof", "an aligned sum is the sum shifted, for all sums and shifts"),
    Proof("back_to_back_last", ACC, "cover", "a last follows a last", {"Cover": 1}),
    Proof("idle_in_sum", ACC, "cover", "an idle cycle within a sum", {"Cover": 2}),
    Proof("int8_after_fp16", ACC, "cover", "an INT8 sum right after an FP16 sum", {"Cover": 3}),
    Proof("fp16_after_int8", ACC, "cover", "an FP16 sum right after an INT8 sum", {"Cover": 4}),
    Proof("int8_corners", ACC, "cover", "greatest addend in one lane, least in the other", {"Cover": 5}),
    Proof("int8_signs", ACC, "cover", "one lane negative, the other not", {"Cover": 6}),
    Proof("fp16_carry", ACC, "cover", "a negative FP16 sum turns positive, flags from several steps", {"Cover": 7}),
    Proof("nine_passes", PASSES, "cover", "a step of nine passes", {"Cover": 1}),
    Proof("passes_back_to_back", PASSES, "cover", "a step ends in the cycle after another", {"Cover": 2}),
    Proof("classes_with_gap", PASSES, "cover", "classes 0 and 2 without 1", {"Cover": 3}),
    Proof("no_borrow", ACC, "mutant", "lane 1 without the correction for a negative lane 0", LANES,
          ("ctrl[1].int8 ? s0_negative_q : carry_q[0]", "ctrl[1].int8 ? 1'b0 : carry_q[0]")),
    Proof("lane_sign", ACC, "mutant", "2^17 in lane 0 taken for -2^17", LANES,
          ("x_i[Lane-1] && x_i[Lane-2:0] != '0", "x_i[Lane-1]")),
    Proof("lane_carry", ACC, "mutant", "lane 0's carry goes into lane 1", LANES,
          ("ctrl[1].int8 ? s0_negative_q : carry_q[0]", "carry_q[0]")),
    Proof("no_carry", ACC, "mutant", "no carry into the last segment", RESTART, ("{carry_q[1], ctrl[1]", "{1'b0, ctrl[1]")),
    Proof("early_clear", ACC, "mutant", "all segments restart with the first", RESTART,
          ("if (!rst_ni || done[i]) acc_q[i]", "if (!rst_ni || done[0]) acc_q[i]")),
    Proof("lost_step", ACC, "mutant", "the first step after an idle cycle is lost", RESTART,
          ("else if (valid[i]) acc_q[i] <= sum[i]", "else if (valid[i] && valid_q[0]) acc_q[i] <= sum[i]")),
    Proof("sticky_flags", ACC, "mutant", "flags outlive their sum", RESTART, ("if (!rst_ni || done[2]) flags_q", "if (!rst_ni) flags_q")),
    Proof("short_sign", SHIFT, "mutant", "a negative sum's top segment is 0", {},
          ("by16_q[1] <= Seg'($signed({by4_high_q, by4_low_q[Low-1:DspeSumShift+Seg]}));\n        by16_q[2] <= {Seg{sign}};",
           "by16_q[1] <= Seg'($signed({by4_high_q, by4_low_q[Low-1:DspeSumShift+Seg]}));\n        by16_q[2] <= '0;")),
    Proof("every_pass_last", PASSES, "mutant", "each pass is the last", {}, ("pass_valid_o && rest == '0;", "pass_valid_o;")),
    Proof("late_advance", PASSES, "mutant", "a cycle between steps", {}, ("advance_o = rest == '0;", "advance_o = todo_q == '0;")),
    Proof("two_at_once", PASSES, "mutant", "two pairs are struck off at once", {},
          ("rest = todo_q & (todo_q - 1'b1);", "rest = todo_q & (todo_q - 1'b1) & ~9'h100;")),
)

QUEUE = (
    Proof("queue", TASKQ, "proof", "a free context; every entry once; its waits; sets and areas; events; the end; something goes within 10 cycles"),
    Proof("all_contexts", TASKQ, "cover", "every context of both cores has a task", {"Cover": 1}),
    Proof("weights_twice", TASKQ, "cover", "a WEIGHTS goes to the second core after the first", {"Cover": 2}),
    Proof("task_of_a_set", TASKQ, "cover", "a TASK goes where its set lies", {"Cover": 3}),
    Proof("wait_for_event", TASKQ, "cover", "an entry goes after its wait for an event", {"Cover": 4}),
    Proof("table_ends", TASKQ, "cover", "all is over, a WEIGHTS on both cores among it", {"Cover": 5}),
    _mutant("limit_ignored", TASKQ, "one task more than contexts", "load_q < limit_i", "load_q <= limit_i", "fvgm_taskq_core"),
    _mutant("given_twice", TASKQ, "what was noted before a hand-out is used after it",
            "!valid_q && !stale_q && enable_i", "!valid_q && enable_i", "fvgm_taskq_select"),
    _mutant("entry_lost", TASKQ, "a WEIGHTS leaves the window after its first core",
            "if (weights_q[s]) pending_q[s][give_core_i] <= 1'b0;", "if (weights_q[s]) pending_q[s] <= '0;", "fvgm_taskq_window"),
    _mutant("wait_below", TASKQ, "a wait holds one event too early",
            "ahead[w] = value_q[w] - test2_q.waits[w].value[ValueW-1:0];",
            "ahead[w] = value_q[w] - test2_q.waits[w].value[ValueW-1:0] + 1'b1;", "fvgm_taskq_scan"),
    _mutant("areas_in_use", TASKQ, "WEIGHTS go over areas that a task uses",
            " &&\n                        !(weights_q[s] && (areas_q[s] & used_i[c]) != '0);", ";", "fvgm_taskq_window"),
    _mutant("set_on_its_way", TASKQ, "a set counts as loaded when its WEIGHTS is given out",
            "          held_q[a] <= '0;\n        end else if", "          held_q[a] <= give_uses_i.set;\n        end else if", "fvgm_taskq_core"),
    _mutant("overtaken", TASKQ, "a WEIGHTS overtakes an older entry that needs its area",
            "if (conflict_q[s][o] && pending_q[o][c])", "if (conflict_q[s][o] && pending_q[o][c] && !weights_q[s])", "fvgm_taskq_window"),
    _mutant("second_signal_lost", TASKQ, "of two signals the second does not count",
            "assign over_ready_o = !both || second_q;", "assign over_ready_o = 1'b1;", "fvgm_taskq_events"),
    _mutant("early_end", TASKQ, "the queue rests while tasks run",
            "assign at_rest_o = &drained_o && !select_busy;", "assign at_rest_o = !select_busy;"),
    _mutant("stuck_rotation", TASKQ, "the lowest place that wants a turn has all turns",
            "if (behind != '0 ? behind[s] : want_i[s])", "if (want_i[s])", "fvgm_taskq_scan"),
)

SCHEDULER = (
    Proof("unit", UNIT, "proof", "starts when its waits have held, in order; completes and retires once, not before done; idle only then"),
    Proof("two_waits", UNIT, "cover", "an instruction starts after two waits", {"Cover": 1}),
    Proof("retired", UNIT, "cover", "an instruction has gone all the way", {"Cover": 2}),
    Proof("skipped", UNIT, "cover", "an instruction is skipped", {"Cover": 3}),
    _mutant("wait_ignored", UNIT, "a wait counts as held when it was tested",
            "if (!distance[SemW-1]) open_d", "open_d"),
    _mutant("old_knowledge", UNIT, "what is known of a head is kept for the next one",
            "          known_q[c] <= 1'b0;\n          ready_q[c] <= 1'b0;", "          known_q[c] <= 1'b0;"),
    _mutant("done_lost", UNIT, "a done_i that cannot be taken at once is lost",
            "owed_q <= owed_q + (FlightW + 1)'(done_i) - (FlightW + 1)'(completed && !oldest.skipped);", "owed_q <= '0;"),
    _mutant("done_not_needed", UNIT, "an instruction completes without done_i",
            "(oldest.skipped || done_i || owed_q != '0)", "1'b1"),
    _mutant("idle_too_early", UNIT, "a context is idle when its signals are not yet counted",
            "HeldW'(retire_valid_o && retire_ready_i && retiring.ctx == ContextW'(c))", "HeldW'(completed && oldest.ctx == ContextW'(c))"),
    Proof("semaphores", SEMAPHORES, "proof", "a semaphore counts every completion once, from its context's last clear on"),
    _mutant("clear_ignored", SEMAPHORES, "a context starts with the counts of its last task",
            "if (clear_valid_i) counted_q[clear_context_i] <= '0;", ""),
    _mutant("completion_lost", SEMAPHORES, "all units' completions are accepted, one counts",
            "retire_ready_o = Ports'(1) << p;", "retire_ready_o = retire_valid_i;"),
    _mutant("contexts_mixed", SEMAPHORES, "the contexts share their counters", "'({ctx, sem})", "'(sem)"),
    Proof("contexts", CONTEXTS, "proof", "a context has one task at a time, is cleared and over when nothing of it is left; one goes first"),
    _mutant("over_before_done", CONTEXTS, "a task is over at its END", "active_q[c] && ended_q[c] && clear_i[c]", "active_q[c] && ended_q[c]"),
    _mutant("never_open_again", CONTEXTS, "END stays from the last task", "          ended_q[c] <= 1'b0;\n", ""),
    _mutant("no_order", CONTEXTS, "equal priorities have no order", "task_i.prio <= prio_q[d]", "task_i.prio < prio_q[d]"),
)

PROOFS = (*DSPE, *QUEUE, *SCHEDULER)
