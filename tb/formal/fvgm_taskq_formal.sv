// Proof of fvgm_taskq_engine on a small machine: 2 cores of 2 contexts, a window of 4 entries, 4
// events of 4 bits, 2 areas, 4 sets.
//
// For any entries, any behaviour of the cores, hand-outs enabled or not in any cycle, resets and
// sessions at any time:
//   contexts  a task is offered only to a core that has a free context, never to one with `limit`;
//   once      entry k (any) is given out once, a WEIGHTS once to each of its cores, to no other core;
//   areas     a TASK of a set is given to a core only if the last WEIGHTS given there for each of
//             its areas was of this set and is over; a WEIGHTS only if nothing that runs there, or is
//             offered, uses one of its areas;
//   events    event e (any) counts exactly what is over; a wait of entry k for it has held before k
//             is given out;
//   progress  while nothing runs or is offered, the oldest entry in the window waits for no other one,
//             its cores take tasks, and it may go or has its turns in the rotation: nothing but its
//             own waits and its weight set can keep it.
// Assumed: a core takes a task into a context that is free, ends only tasks that run; an entry passed
// the checks of fvgm_taskq_front; fewer than 63 entries; a session begins when the events are clear.
// Method: induction, so unbounded.
//
// Cover = 1, 2, ...: the assertion says instead that an event cannot be; a counterexample shows
// that it can, within the assumptions. Inner = 0 leaves out the assertions on registers of the RTL,
// which only the induction needs.
module fvgm_taskq_engine_formal
  import fvgm_isa_pkg::*;
  import fvgm_task_pkg::*;
  import fvgm_taskq_pkg::*;
#(
  parameter bit Inner = 1'b1,
  parameter int unsigned Cover = 0
) (
  input logic                 clk_i,
  input logic                 rst_ni,
  input logic                 session_i,
  input logic                 enable_i,
  input logic [5:0]           k_i,          // any entry
  input logic [1:0]           e_i,          // any event
  input logic                 two_i,        // limit: two contexts
  input logic                 entry_valid_i,
  input logic                 weights_i,
  input logic [1:0]           set_i,
  input logic [1:0]           areas_i,
  input logic [1:0]           cores_i,
  input logic [1:0]           prio_i,
  input logic [1:0]           signal0_i,
  input logic [1:0]           signal1_i,
  input logic [3:0][1:0]      wait_id_i,
  input logic [3:0][3:0]      wait_value_i,
  input logic [1:0]           task_ready_i,
  input logic [1:0]           context_i,    // of each core: 0 or 1
  input logic [1:0][1:0]      task_done_i
);

  localparam int unsigned Slots = 4;

  entry_t entry;
  logic clean, empty, at_rest, entry_ready, found;
  logic [1:0] drained, task_valid;
  core_events_t [1:0] core_events;
  task_start_t [1:0] tasks;
  logic [SeqW-1:0] oldest;
  logic [5:0] index_q;
  logic admit;

  always_comb begin
    entry = '0;
    entry.start.seq = SeqW'(index_q);
    entry.start.prio = 8'(prio_i);
    entry.cores = 4'(cores_i);
    entry.uses.weights = weights_i;
    entry.uses.set = 8'(set_i);
    entry.uses.areas = 8'(areas_i);
    entry.uses.signal0 = 8'(signal0_i);
    entry.uses.signal1 = 8'(signal1_i);
    for (int unsigned w = 0; w < 4; w++) begin
      entry.waits[w].id = 8'(wait_id_i[w]);
      entry.waits[w].value = 16'(wait_value_i[w]);
    end
  end

  fvgm_taskq_engine #(
    .NumCores(2),
    .Contexts(2),
    .TaskWindow(Slots),
    .Events(4),
    .ValueW(4)
  ) dut (
    .clk_i,
    .rst_ni,
    .session_i,
    .enable_i,
    .limit_i(two_i ? 4'd2 : 4'd1),
    .clean_o(clean),
    .empty_o(empty),
    .at_rest_o(at_rest),
    .drained_o(drained),
    .events_o(core_events),
    .entry_valid_i,
    .entry_ready_o(entry_ready),
    .entry_i(entry),
    .find_i(1'b0),
    .found_o(found),
    .oldest_o(oldest),
    .task_valid_o(task_valid),
    .task_ready_i,
    .task_o(tasks),
    .task_context_i({2'b0, context_i[1], 2'b0, context_i[0]}),
    .task_done_i
  );

  assign admit = entry_valid_i && entry_ready;

  // The cores, and what the queue should know.
  logic seen_reset_q, session_q;
  logic [1:0][1:0] busy_q;             // contexts with a task
  use_t [1:0][1:0] uses_q;             // of these
  logic [1:0][1:0][1:0] set_q;         // set of the last WEIGHTS given, by core and area
  logic [1:0][1:0] loading_q;          // it is not over
  // any entry, any event
  logic [5:0] k_q;
  logic [1:0] e_q;
  logic k_seen_q, k_weights_q;
  logic [1:0] k_cores_q, k_given_q;
  logic [3:0][1:0] k_id_q;
  logic [3:0][3:0] k_value_q;
  logic [3:0] k_held_q;                // wait has held
  logic [3:0] count_q;                 // event e as it should be
  logic [3:0] k_holds;
  logic give, give_core;
  use_t give_uses;
  logic [5:0] give_seq;

  assign give = dut.give;
  assign give_core = dut.give_core;
  assign give_uses = dut.read_uses;
  assign give_seq = dut.read_start.seq[5:0];

  function automatic logic [1:0] signals(use_t uses, logic [1:0] id);
    return id == '0 ? 2'd0 : 2'(uses.signal0[1:0] == id) + 2'(uses.signal1[1:0] == id);
  endfunction

  initial begin
    seen_reset_q = 1'b0;
  end

  always_comb begin
    for (int unsigned w = 0; w < 4; w++) begin
      logic [3:0] ahead;
      ahead = dut.u_events.count_q[e_q] - k_value_q[w];
      k_holds[w] = !ahead[3];
    end
  end

  // the books of each core, gathered
  use_t [1:0] offer_uses;
  logic [1:0][3:0] over;
  use_t [1:0][3:0] record;
  logic [1:0][1:0] bank;
  logic [1:0][LoadW-1:0] load;
  logic [1:0][1:0][LoadW-1:0] users;
  logic [1:0][1:0][SetW-1:0] held;

  for (genvar c = 0; c < 2; c++) begin : g_gather
    assign offer_uses[c] = dut.g_core[c].u_core.uses_q;
    assign over[c] = dut.g_core[c].u_core.over_q;
    assign bank[c] = dut.g_core[c].u_core.bank_q;
    assign load[c] = dut.g_core[c].u_core.load_q;
    for (genvar r = 0; r < 4; r++) begin : g_record
      assign record[c][r] = dut.g_core[c].u_core.record[r];
    end
    for (genvar a = 0; a < 2; a++) begin : g_area
      assign users[c][a] = dut.g_core[c].u_core.users_q[a];
      assign held[c][a] = dut.g_core[c].u_core.held_q[a];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!seen_reset_q) begin
      k_q <= k_i;
      e_q <= e_i;
    end
    if (!rst_ni) seen_reset_q <= 1'b1;
    session_q <= session_i && rst_ni;
    if (!rst_ni || !session_i) begin
      index_q <= '0;
      busy_q <= '0;
      set_q <= '0;
      loading_q <= '0;
      k_seen_q <= 1'b0;
      k_given_q <= '0;
      k_held_q <= '0;
      count_q <= '0;
    end else begin
      if (admit) index_q <= index_q + 1'b1;
      if (admit && index_q == k_q) begin
        k_seen_q <= 1'b1;
        k_weights_q <= weights_i;
        k_cores_q <= cores_i;
        k_id_q <= wait_id_i;
        k_value_q <= wait_value_i;
      end
      if (k_seen_q) k_held_q <= k_held_q | k_holds;
      if (give && give_seq == k_q) k_given_q[give_core] <= 1'b1;
      for (int unsigned c = 0; c < 2; c++) begin
        for (int unsigned x = 0; x < 2; x++) begin
          if (task_valid[c] && task_ready_i[c] && context_i[c] == 1'(x)) begin
            busy_q[c][x] <= 1'b1;
            uses_q[c][x] <= offer_uses[c];
          end
          if (task_done_i[c][x]) busy_q[c][x] <= 1'b0;
        end
        for (int unsigned a = 0; a < 2; a++) begin
          for (int unsigned x = 0; x < 2; x++) begin
            if (task_done_i[c][x] && uses_q[c][x].weights && uses_q[c][x].areas[a]) loading_q[c][a] <= 1'b0;
          end
          if (give && give_core == 1'(c) && give_uses.weights && give_uses.areas[a]) begin
            set_q[c][a] <= give_uses.set[1:0];
            loading_q[c][a] <= 1'b1;
          end
        end
      end
      count_q <= count_q
                 + (task_done_i[0][0] ? 4'(signals(uses_q[0][0], e_q)) : 4'd0)
                 + (task_done_i[0][1] ? 4'(signals(uses_q[0][1], e_q)) : 4'd0)
                 + (task_done_i[1][0] ? 4'(signals(uses_q[1][0], e_q)) : 4'd0)
                 + (task_done_i[1][1] ? 4'(signals(uses_q[1][1], e_q)) : 4'd0);
    end
  end

  always_comb begin
    if (entry_valid_i) begin
      assume (cores_i != '0);
      assume (!weights_i || set_i != '0);
      assume ((set_i != '0) == (areas_i != '0));
      assume (index_q != '1);
    end
    if (session_i && !session_q) assume (clean);
    for (int unsigned c = 0; c < 2; c++) begin
      assume ((task_done_i[c] & ~busy_q[c]) == '0);
      if (task_valid[c] && task_ready_i[c]) assume (!busy_q[c][context_i[c]]);
    end
  end

  if (Cover == 0) begin : g_proof
    always_comb begin
      if (seen_reset_q) begin
        for (int unsigned c = 0; c < 2; c++) begin
          if (task_valid[c]) assert (busy_q[c] != '1);
        end
        if (session_i && give) begin
          assert (busy_q[give_core] != '1 && !task_valid[give_core]);
          if (give_seq == k_q) begin
            assert (k_seen_q && k_cores_q[give_core]);
            assert (k_weights_q ? !k_given_q[give_core] : k_given_q == '0);
            assert (k_weights_q == give_uses.weights);
            for (int unsigned w = 0; w < 4; w++) begin
              if (e_q != '0 && k_id_q[w] == e_q) assert (k_held_q[w]);
            end
          end
          for (int unsigned a = 0; a < 2; a++) begin
            if (give_uses.areas[a]) begin
              if (give_uses.weights) begin
                for (int unsigned x = 0; x < 2; x++) begin
                  assert (!(busy_q[give_core][x] && uses_q[give_core][x].areas[a]));
                end
              end else begin
                assert (!loading_q[give_core][a] && set_q[give_core][a] == give_uses.set[1:0]);
              end
            end
          end
        end
      end
    end

    if (Inner) begin : g_inner
      // What makes it inductive.
      logic [1:0] taking;  // a task is on its way to the core
      logic [1:0][3:0] load_sum;
      logic [1:0][1:0][3:0] users_sum, loads_sum;
      logic [3:0] event_sum;

      always_comb begin
        event_sum = dut.u_events.count_q[e_q];
        for (int unsigned c = 0; c < 2; c++) begin
          load_sum[c] = 4'(task_valid[c]);
          for (int unsigned a = 0; a < 2; a++) begin
            users_sum[c][a] = 4'(task_valid[c] && offer_uses[c].areas[a]);
            loads_sum[c][a] = 4'(task_valid[c] && offer_uses[c].areas[a] && offer_uses[c].weights);
          end
          for (int unsigned x = 0; x < 2; x++) begin
            load_sum[c] += 4'(busy_q[c][x]);
            for (int unsigned a = 0; a < 2; a++) begin
              users_sum[c][a] += 4'(busy_q[c][x] && uses_q[c][x].areas[a]);
              loads_sum[c][a] += 4'(busy_q[c][x] && uses_q[c][x].areas[a] && uses_q[c][x].weights);
            end
          end
          for (int unsigned r = 0; r < 4; r++) begin
            load_sum[c] += 4'(over[c][r]);
            for (int unsigned a = 0; a < 2; a++) begin
              users_sum[c][a] += 4'(over[c][r] && record[c][r].areas[a]);
            end
            if (over[c][r]) event_sum += 4'(signals(record[c][r], e_q));
          end
          if (dut.over_valid_q && dut.over_core_q[c]) begin
            load_sum[c] += 4'd1;
            for (int unsigned a = 0; a < 2; a++) users_sum[c][a] += 4'(dut.over_uses_q.areas[a]);
          end
          taking[c] = task_valid[c] || dut.u_select.may_q[c] != '0 ||
                      (dut.u_select.valid_q && dut.u_select.where_q[c]);
        end
        if (dut.over_valid_q && e_q != '0) begin
          if (dut.over_uses_q.signal0[1:0] == e_q && !dut.u_events.second_q) event_sum += 4'd1;
          if (dut.over_uses_q.signal1[1:0] == e_q) event_sum += 4'd1;
        end
      end

      always_comb begin
        if (seen_reset_q) begin
          assert (k_seen_q == (index_q > k_q));
          if (!k_seen_q) assert (k_given_q == '0 && k_held_q == '0);
          // contexts
          assert (!dut.over_valid_q || $onehot(dut.over_core_q));
          for (int unsigned c = 0; c < 2; c++) begin
            assert (load_sum[c] == load[c] && load[c] <= 4'd2);
            if (dut.u_select.valid_q && dut.u_select.where_q[c]) assert (!task_valid[c] && load[c] <= 4'd1);
            if (dut.u_select.may_q[c] != '0 && !dut.u_select.valid_q && !dut.u_select.stale_q) begin
              assert (!task_valid[c] && load[c] <= 4'd1);
            end
            for (int unsigned x = 0; x < 2; x++) begin
              if (busy_q[c][x]) begin
                assert (record[c][2 * x + 32'(bank[c][x])] == uses_q[c][x]);
                assert (!over[c][2 * x + 32'(bank[c][x])]);
                if (taking[c]) assert (!over[c][2 * x + 32'(!bank[c][x])]);
              end else if (taking[c]) begin
                assert (!over[c][2 * x + 32'(!bank[c][x])]);
              end
            end
          end
          if (dut.u_select.valid_q) assert (dut.u_select.where_q != '0);
          // areas
          for (int unsigned c = 0; c < 2; c++) begin
            for (int unsigned a = 0; a < 2; a++) begin
              assert (users_sum[c][a] == users[c][a]);
              if (held[c][a] != '0) assert (!loading_q[c][a] && 8'(set_q[c][a]) == held[c][a]);
              if (loading_q[c][a]) begin
                assert (held[c][a] == '0 && users[c][a] == 4'd1 && loads_sum[c][a] == 4'd1);
              end else begin
                assert (loads_sum[c][a] == 4'd0);
              end
              if (task_valid[c] && offer_uses[c].weights && offer_uses[c].areas[a]) begin
                assert (loading_q[c][a] && 8'(set_q[c][a]) == offer_uses[c].set);
              end
              for (int unsigned x = 0; x < 2; x++) begin
                if (busy_q[c][x] && uses_q[c][x].weights && uses_q[c][x].areas[a]) begin
                  assert (loading_q[c][a] && 8'(set_q[c][a]) == uses_q[c][x].set);
                end
              end
              for (int unsigned r = 0; r < 4; r++) begin
                if (over[c][r] && record[c][r].weights && record[c][r].areas[a]) begin
                  assert (!loading_q[c][a] && 8'(set_q[c][a]) == record[c][r].set);
                  assert (held[c][a] == '0 && users[c][a] == 4'd1);
                end
              end
              if (dut.over_valid_q && dut.over_core_q[c] && dut.over_uses_q.weights &&
                  dut.over_uses_q.areas[a]) begin
                assert (!loading_q[c][a] && 8'(set_q[c][a]) == dut.over_uses_q.set);
                assert (held[c][a] == '0 && users[c][a] == 4'd1);
              end
            end
          end
          // events
          if (session_q && session_i) assert (event_sum == count_q);
          if (clean && !session_q) begin
            for (int unsigned i = 0; i < 4; i++) assert (dut.u_events.count_q[i] == '0);
          end
          for (int unsigned i = 0; i < 4; i++) begin
            if (!session_q && i < 32'(dut.u_events.sweep_q)) assert (dut.u_events.count_q[i] == '0);
          end
          if (session_q) assert (dut.u_events.sweep_q == '0 && !clean);
          if (!session_q) begin
            assert (!dut.over_valid_q && over == '0 && busy_q == '0 && count_q == '0);
            assert (!dut.u_events.second_q);
          end
          if (dut.u_events.second_q && session_i) begin
            assert (dut.over_valid_q && dut.over_uses_q.signal0[1:0] != '0 && dut.over_uses_q.signal1[1:0] != '0);
          end
        end
      end

      // the window
      for (genvar s = 0; s < Slots; s++) begin : g_slot
        logic occupied;
        use_t uses;
        logic [5:0] seq;

        assign occupied = dut.u_window.pending_q[s] != '0;
        assign uses = dut.u_window.uses[s];
        assign seq = dut.u_window.start[s].seq[5:0];

        always_comb begin
          if (seen_reset_q) begin
            if (dut.u_window.free_valid_q && dut.u_window.free_q == 2'(s)) assert (!occupied);
            if (occupied) begin
              assert (seq < index_q);
              assert (uses.weights == dut.u_window.weights_q[s] && uses.areas == dut.u_window.areas_q[s]);
              assert ((uses.set == '0) == (uses.areas == '0));
              assert (uses.areas[7:2] == '0 && uses.set[7:2] == '0);
              if (seq == k_q) begin
                assert (k_seen_q && k_weights_q == uses.weights);
                assert (dut.u_window.pending_q[s] == (k_cores_q & (k_weights_q ? ~k_given_q : '1)));
                if (!k_weights_q) assert (k_given_q == '0);
                for (int unsigned w = 0; w < 4; w++) begin
                  if (e_q != '0 && k_id_q[w] == e_q && !dut.u_window.open_q[s][w]) assert (k_held_q[w]);
                end
                if (dut.u_scan.valid1_q && dut.u_scan.slot1_q == 2'(s)) begin
                  for (int unsigned w = 0; w < 4; w++) begin
                    assert (dut.u_scan.test1_q.waits[w].id[1:0] == k_id_q[w]);
                    assert (dut.u_scan.test1_q.waits[w].value[3:0] == k_value_q[w]);
                  end
                end
                if (dut.u_scan.valid2_q && dut.u_scan.slot2_q == 2'(s)) begin
                  for (int unsigned w = 0; w < 4; w++) begin
                    assert (dut.u_scan.test2_q.waits[w].value[3:0] == k_value_q[w]);
                    if (e_q != '0 && k_id_q[w] == e_q && dut.result_holds[w]) assert (k_held_q[w]);
                  end
                end
                for (int unsigned w = 0; w < 4; w++) begin
                  assert (dut.u_scan.test[s].waits[w].id[1:0] == k_id_q[w]);
                  assert (dut.u_scan.test[s].waits[w].value[3:0] == k_value_q[w]);
                end
              end
              assert (dut.u_scan.test[s].set == uses.set && dut.u_scan.test[s].areas == uses.areas);
              // scan under way
              if (dut.u_scan.valid1_q && dut.u_scan.slot1_q == 2'(s)) begin
                assert (dut.u_scan.test1_q.set == uses.set && dut.u_scan.test1_q.areas == uses.areas);
              end
            end
            for (int unsigned c = 0; c < 2; c++) begin
              // what is clear stays clear
              if (occupied && dut.u_window.clear_o[c][s]) assert (!dut.u_window.blocked_d[c][s]);
              if (occupied && dut.u_window.fresh_q[s] == 1'b0 && dut.u_window.loaded_q[s][c] && uses.set != '0 &&
                  !uses.weights && dut.u_window.pending_q[s][c]) begin
                assert (!dut.u_window.blocked_d[c][s]);
                for (int unsigned a = 0; a < 2; a++) begin
                  if (uses.areas[a]) assert (held[c][a] == uses.set);
                end
              end
              if (occupied && dut.u_window.fresh_q[s] && !uses.weights && uses.set != '0) begin
                assert (!dut.u_window.loaded_q[s][c]);
              end
              if (occupied && dut.u_scan.valid1_q && dut.u_scan.slot1_q == 2'(s) && dut.u_scan.clear1_q[c]) begin
                assert (!dut.u_window.fresh_q[s] && dut.u_window.clear_o[c][s]);
              end
              if (occupied && dut.u_scan.valid2_q && dut.u_scan.slot2_q == 2'(s) && dut.u_scan.loaded_q[c] &&
                  !uses.weights && dut.u_window.pending_q[s][c]) begin
                assert (dut.u_window.clear_o[c][s]);
                for (int unsigned a = 0; a < 2; a++) begin
                  if (uses.areas[a]) assert (held[c][a] == uses.set);
                end
              end
              // choices under way
              if (dut.u_select.may_q[c][s] && !dut.u_select.valid_q && !dut.u_select.stale_q) begin
                assert (dut.ready[c][s]);
              end
              if (dut.u_select.valid_q && dut.u_select.where_q[c] && dut.u_select.slot_q == 2'(s)) begin
                assert (dut.ready[c][s]);
              end
            end
          end
        end

        // progress: with nothing running, the oldest entry is ready, or gets its turn in the rotation
        logic is_oldest, known;

        always_comb begin
          is_oldest = occupied;
          known = !dut.u_window.fresh_q[s];
          for (int unsigned o = 0; o < Slots; o++) begin
            if (dut.u_window.pending_q[o] != '0 && dut.u_window.start[o].seq[5:0] < seq) is_oldest = 1'b0;
          end
          for (int unsigned c = 0; c < 2; c++) begin
            if (dut.u_window.blocked_q[c][s] != dut.u_window.blocked_d[c][s]) known = 1'b0;
          end
          if (seen_reset_q && session_i && is_oldest && load == '0) begin
            for (int unsigned c = 0; c < 2; c++) begin
              assert (dut.open[c] && !dut.u_window.blocked_d[c][s] && dut.used[c][1:0] == '0);
              if (known && dut.u_window.pending_q[s][c]) begin
                if (dut.u_window.open_q[s] == '0 && dut.u_window.loaded_q[s][c]) assert (dut.ready[c][s]);
                else assert (dut.want[s]);
              end
            end
          end
        end

        for (genvar o = 0; o < Slots; o++) begin : g_other
          logic other;
          use_t other_uses;

          assign other = dut.u_window.pending_q[o] != '0;
          assign other_uses = dut.u_window.uses[o];

          always_comb begin
            if (seen_reset_q && s != o && occupied && other) begin
              assert (seq != dut.u_window.start[o].seq[5:0]);
              // of two that conflict, the younger goes behind the older
              assert (dut.u_window.conflict_q[s][o] ==
                      ((uses.areas & other_uses.areas) != '0 && (uses.weights || other_uses.weights) &&
                       seq > dut.u_window.start[o].seq[5:0]));
              assert (dut.u_window.before_q[s][o] ==
                      (dut.u_window.rank[o] > dut.u_window.rank[s] ||
                       (dut.u_window.rank[o] == dut.u_window.rank[s] && seq > dut.u_window.start[o].seq[5:0])));
            end
            if (seen_reset_q && s == o && occupied) begin
              assert (!dut.u_window.before_q[s][o] && !dut.u_window.conflict_q[s][o]);
            end
          end
        end
      end
    end
  end else begin : g_cover
    logic happens;

    always_comb begin
      case (Cover)
        1: happens = busy_q == 4'hF;                                       // every context has a task
        2: happens = give && give_uses.weights && k_weights_q && k_given_q == 2'b01 && give_seq == k_q && give_core;
        3: happens = give && !give_uses.weights && give_uses.set != '0;    // a TASK with its set
        4: happens = give && give_seq == k_q && e_q != '0 && k_id_q[0] == e_q && k_value_q[0] == 4'd1;
        default: happens = 1'b0;
      endcase
      if (seen_reset_q && session_i) assert (!happens);
    end
  end

endmodule
