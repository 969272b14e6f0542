// Proof of fvgm_taskq_engine on a small machine: 2 cores of 2 contexts, a window of 4 entries, 4
// events of 4 bits, 2 areas, 4 sets.
//
// For any entries, any behaviour of the cores, hand-outs enabled or not in any cycle, resets and
// sessions at any time; k is any entry, e any event:
//   contexts  a task is offered only to a core that has a free context, and at most limit_i at a time;
//   once      k is given out once, a WEIGHTS once to each of its cores, to no other core;
//   waits     when k is given out each of its waits has held, on a count that is e's;
//   areas     a TASK of a set is given to a core only if the last WEIGHTS given there for each of
//             its areas was of this set and is over; a WEIGHTS only if nothing that runs there, or is
//             offered, uses one of its areas; of two entries that share an area, one a WEIGHTS, the
//             older goes to a core first;
//   events    while the queue rests, e has counted each signal of each task that is over once;
//   end       if the window is empty, k has gone everywhere; if the queue also rests, it is over;
//   progress  while nothing runs, the oldest entry's waits hold and its set lies on a core of its own,
//             something is given out within Slots + 6 cycles.
// Assumed: a core takes a task into a context that is free, ends only tasks that run; an entry passed
// the checks of fvgm_taskq_front; fewer than 63 entries; a session begins when the events are clear.
// Method: induction, so unbounded in time; the invariants are fvgm_taskq_books_formal and
// fvgm_taskq_window_formal.
//
// Cover = 1, 2, ...: the assertion says instead that an event cannot be; a counterexample shows
// that it can, within the assumptions. Inner = 0 leaves out the assertions on registers of the RTL,
// which only the induction needs; only simple entries come then, which shortens the search.
module fvgm_taskq_engine_formal
  import fvgm_isa_pkg::*;
  import fvgm_task_pkg::*;
  import fvgm_taskq_pkg::*;
  import fvgm_taskq_formal_pkg::*;
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

  // the entry that may come
  entry_t entry;
  logic entry_ready, admit;
  logic [5:0] index_q;
  logic two_q;

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

  assign admit = entry_valid_i && entry_ready;

  logic clean, empty, at_rest, found;
  logic [1:0] drained, task_valid;
  core_events_t [1:0] core_events;
  task_start_t [1:0] tasks;
  logic [SeqW-1:0] oldest;

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
    .limit_i(two_q ? 4'd2 : 4'd1),
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

  // The hand-out of this cycle, and what each core is offered.
  logic give, give_core;
  use_t give_uses;
  logic [5:0] give_seq;
  use_t [1:0] offer_uses;

  assign give = dut.give;
  assign give_core = dut.give_core;
  assign give_uses = dut.read_uses;
  assign give_seq = dut.read_start.seq[5:0];
  for (genvar c = 0; c < 2; c++) begin : g_offer
    assign offer_uses[c] = dut.g_core[c].u_core.uses_q;
  end

  // What the cores do, and what the queue should know.
  logic seen_reset_q, session_q;
  logic [1:0][1:0] busy_q;             // contexts with a task
  use_t [1:0][1:0] uses_q;             // of these
  logic [1:0][1:0] runs_k_q;           // it is k
  logic [1:0][1:0][1:0] set_q;         // set of the last WEIGHTS given, by core and area
  logic [1:0][1:0] loading_q;          // it is not over
  logic [3:0] count_q;                 // event e as it should be
  // k
  logic [5:0] k_q;
  logic [1:0] e_q;
  logic k_seen_q, k_weights_q;
  logic [1:0] k_cores_q, k_areas_q, k_set_q, k_given_q, k_over_q;
  logic [3:0][1:0] k_id_q;
  logic [3:0][3:0] k_value_q;
  logic [3:0] k_held_q, k_holds;       // its waits: held once; hold now
  logic [1:0] k_left;                  // cores to which it still may go
  logic can;                           // something should be given out soon: this place,
  logic [Slots-1:0] can_slot;
  logic [Slots-1:0][1:0] can_core;     // to one of these cores
  logic [3:0] quiet_q;                 // cycles since

  initial begin
    seen_reset_q = 1'b0;
  end

  always_comb begin
    for (int unsigned w = 0; w < 4; w++) begin
      logic [3:0] ahead;
      ahead = dut.u_events.count_q[e_q] - k_value_q[w];
      k_holds[w] = !ahead[3];
    end
    k_left = '0;
    if (k_seen_q && k_weights_q) k_left = k_cores_q & ~k_given_q;
    if (k_seen_q && !k_weights_q && k_given_q == '0) k_left = k_cores_q;
  end

  always_ff @(posedge clk_i) begin
    if (!seen_reset_q) begin
      k_q <= k_i;
      e_q <= e_i;
      two_q <= two_i;
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
      k_over_q <= '0;
      k_held_q <= '0;
      count_q <= '0;
      quiet_q <= '0;
    end else begin
      if (admit) index_q <= index_q + 1'b1;
      if (admit && index_q == k_q) begin
        k_seen_q <= 1'b1;
        k_weights_q <= weights_i;
        k_cores_q <= cores_i;
        k_areas_q <= areas_i;
        k_set_q <= set_i;
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
            runs_k_q[c][x] <= tasks[c].seq[5:0] == k_q;
          end
          if (task_done_i[c][x]) begin
            busy_q[c][x] <= 1'b0;
            if (runs_k_q[c][x]) k_over_q[c] <= 1'b1;
          end
        end
        for (int unsigned a = 0; a < 2; a++) begin
          for (int unsigned x = 0; x < 2; x++) begin
            if (task_done_i[c][x] && uses_q[c][x].weights && uses_q[c][x].areas[a]) begin
              loading_q[c][a] <= 1'b0;
            end
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
      quiet_q <= (can && !give && quiet_q != '1) ? quiet_q + 1'b1 : '0;
    end
  end

  always_comb begin
    if (entry_valid_i) begin
      assume (cores_i != '0);
      assume (!weights_i || set_i != '0);
      assume ((set_i != '0) == (areas_i != '0));
      assume (index_q != '1);
      if (!Inner) assume (wait_id_i[3:1] == '0 && k_i[5:2] == '0);
    end
    if (session_i && !session_q) assume (clean);
    for (int unsigned c = 0; c < 2; c++) begin
      assume ((task_done_i[c] & ~busy_q[c]) == '0);
      if (task_valid[c] && task_ready_i[c]) assume (!busy_q[c][context_i[c]]);
    end
  end

  if (Cover == 0) begin : g_proof
    always_comb begin
      if (seen_reset_q && session_i) begin
        for (int unsigned c = 0; c < 2; c++) begin
          if (task_valid[c]) assert (busy_q[c] != '1);
        end
        if (give) begin
          assert (busy_q[give_core] != '1 && !task_valid[give_core]);
          assert (busy_q[give_core] == '0 || two_q);
          if (give_seq == k_q) begin
            assert (k_left[give_core] && k_weights_q == give_uses.weights);
            for (int unsigned w = 0; w < 4; w++) begin
              if (e_q != '0 && k_id_q[w] == e_q) assert (k_held_q[w]);
            end
          end
          if (k_left[give_core] && k_q < give_seq && (k_weights_q || give_uses.weights)) begin
            assert ((k_areas_q & give_uses.areas[1:0]) == '0);
          end
          for (int unsigned a = 0; a < 2; a++) begin
            if (give_uses.areas[a] && give_uses.weights) begin
              for (int unsigned x = 0; x < 2; x++) begin
                assert (!(busy_q[give_core][x] && uses_q[give_core][x].areas[a]));
              end
            end
            if (give_uses.areas[a] && !give_uses.weights) begin
              assert (!loading_q[give_core][a] && set_q[give_core][a] == give_uses.set[1:0]);
            end
          end
        end
        if (empty) assert (k_left == '0);
        if (at_rest && session_q) begin
          assert (busy_q == '0 && task_valid == '0 && k_over_q == k_given_q);
          assert (dut.u_events.count_q[e_q] == count_q);
        end
        assert (quiet_q < 4'(MaxQuiet));
      end
    end
    if (Inner) begin : g_inner
      fvgm_taskq_books_formal u_books (.*);
      fvgm_taskq_window_formal u_window (.*);
      fvgm_taskq_choice_formal u_choice (.*);
    end
    fvgm_taskq_can_formal u_can (.*);
  end else begin : g_cover
    logic happens;

    assign {can, can_slot, can_core} = '0;

    always_comb begin
      case (Cover)
        1: happens = busy_q == '1;                               // every context has a task
        2: happens = give && give_seq == k_q && k_given_q == 2'b01 && give_core;
        3: happens = give && !give_uses.weights && give_uses.set != '0;  // a TASK with its set
        4: happens = give && give_seq == k_q && e_q != '0 && k_id_q[0] == e_q &&
                     k_value_q[0] == 4'd1;
        5: happens = at_rest && empty && index_q == 6'd2 && k_over_q == 2'b11;  // an end
        default: happens = 1'b0;
      endcase
      if (seen_reset_q && session_i) assert (!happens);
    end
  end

endmodule
