// The task queue between its table and its cores: window, rotation, events, selection, and the books
// of each core.
//
// Outside a session (session_i low) everything is in reset and the events are cleared; clean_o: a
// session may begin. Hand-outs: enable_i. Times (docs/taskq.md) are those of the parts. No errors.
`include "fvgm_assert.svh"

module fvgm_taskq_engine #(
    parameter int unsigned NumCores   = 2,
    parameter int unsigned Contexts   = 2,
    parameter int unsigned TaskWindow = 4,
    parameter int unsigned Events     = fvgm_isa_pkg::NumEvents,
    parameter int unsigned ValueW     = fvgm_taskq_pkg::ValueW
) (
    input  logic                                                    clk_i,
    input  logic                                                    rst_ni,
    input  logic                                                    session_i,
    input  logic                                                    enable_i,
    input  logic [fvgm_taskq_pkg::LoadW-1:0] limit_i,  // tasks per core at a time
    output logic                                                    clean_o,
    output logic                                                    empty_o,  // the window is
    output logic at_rest_o,  // nothing runs or is handed out
    output logic [NumCores-1:0] drained_o,  // the core has no task
    output fvgm_taskq_pkg::core_events_t [NumCores-1:0]             events_o,
    // entries, in the order of the table
    input  logic                                                    entry_valid_i,
    output logic                                                    entry_ready_o,
    input  fvgm_taskq_pkg::entry_t                                  entry_i,
    // search for the oldest entry of the window, while find_i
    input  logic                                                    find_i,
    output logic                                                    found_o,
    output logic [fvgm_task_pkg::SeqW-1:0]                          oldest_o,
    // cores
    output logic [NumCores-1:0]                                     task_valid_o,
    input  logic [NumCores-1:0]                                     task_ready_i,
    output fvgm_task_pkg::task_start_t [NumCores-1:0]               task_o,
    input  logic [NumCores-1:0][fvgm_task_pkg::ContextW-1:0]        task_context_i,
    input  logic [NumCores-1:0][Contexts-1:0]                       task_done_i
);

  import fvgm_isa_pkg::*;
  import fvgm_task_pkg::*;
  import fvgm_taskq_pkg::*;

  localparam int unsigned SlotW = $clog2(TaskWindow);
  localparam int unsigned CoreW = NumCores > 1 ? $clog2(NumCores) : 1;
  localparam int unsigned IdW = $clog2(Events);

  logic run_rst_n;

  // window and rotation
  logic admit, result_valid, read_valid;
  logic [SlotW-1:0] admit_slot, result_slot, read_slot, give_slot;
  logic [TaskWindow-1:0] want;
  logic [NumCores-1:0][TaskWindow-1:0] clear, ready;
  logic [TaskWindow-1:0][TaskWindow-1:0] prefer;
  logic [NumTaskWaits-1:0] result_holds;
  logic [NumTaskWaits-1:0][IdW-1:0] event_id;
  logic [NumTaskWaits-1:0][ValueW-1:0] event_value;
  logic [NumCores-1:0] result_loaded;
  task_start_t read_start;
  use_t read_uses;

  // cores
  logic give, select_busy;
  logic [CoreW-1:0] give_core;
  logic [NumCores-1:0] open, over_valid, over_grant, over_apply;
  logic [NumCores-1:0][LoadW-1:0] load;
  logic [NumCores-1:0][NumAreas-1:0] used;
  logic [NumCores-1:0][NumAreas-1:0][SetW-1:0] held;
  use_t [NumCores-1:0] over_uses;

  // what is over: one task at a time
  logic over_valid_q, over_ready;
  logic [NumCores-1:0] over_core_q;
  use_t over_uses_d, over_uses_q;

  assign run_rst_n = rst_ni && session_i;

  fvgm_taskq_window #(
      .Slots(TaskWindow),
      .NumCores(NumCores)
  ) u_window (
      .clk_i,
      .rst_ni(run_rst_n),
      .empty_o,
      .entry_valid_i,
      .entry_ready_o,
      .entry_i,
      .admit_o(admit),
      .admit_slot_o(admit_slot),
      .want_o(want),
      .clear_o(clear),
      .result_valid_i(result_valid),
      .result_slot_i(result_slot),
      .result_holds_i(result_holds),
      .result_loaded_i(result_loaded),
      .used_i(used),
      .ready_o(ready),
      .before_o(prefer),
      .give_i(give),
      .give_slot_i(give_slot),
      .give_core_i(give_core),
      .read_slot_i(read_slot),
      .read_valid_o(read_valid),
      .read_start_o(read_start),
      .read_uses_o(read_uses)
  );

  fvgm_taskq_scan #(
      .Slots(TaskWindow),
      .NumCores(NumCores),
      .Events(Events),
      .ValueW(ValueW)
  ) u_scan (
      .clk_i,
      .rst_ni(run_rst_n),
      .want_i(want),
      .clear_i(clear),
      .admit_i(admit),
      .admit_slot_i(admit_slot),
      .entry_i,
      .read_id_o(event_id),
      .read_value_i(event_value),
      .held_i(held),
      .result_valid_o(result_valid),
      .result_slot_o(result_slot),
      .result_holds_o(result_holds),
      .result_loaded_o(result_loaded)
  );

  fvgm_taskq_events #(
      .Events(Events),
      .ValueW(ValueW)
  ) u_events (
      .clk_i,
      .rst_ni,
      .session_i,
      .clean_o,
      .over_valid_i(over_valid_q),
      .over_ready_o(over_ready),
      .signal0_i(over_uses_q.signal0[IdW-1:0]),
      .signal1_i(over_uses_q.signal1[IdW-1:0]),
      .read_id_i(event_id),
      .read_value_o(event_value)
  );

  fvgm_taskq_select #(
      .Slots(TaskWindow),
      .NumCores(NumCores)
  ) u_select (
      .clk_i,
      .rst_ni(run_rst_n),
      .enable_i,
      .ready_i(ready),
      .before_i(prefer),
      .open_i(open),
      .load_i(load),
      .give_o(give),
      .give_slot_o(give_slot),
      .give_core_o(give_core),
      .busy_o(select_busy)
  );

  for (genvar c = 0; c < NumCores; c++) begin : g_core
    fvgm_taskq_core #(
        .Contexts(Contexts)
    ) u_core (
        .clk_i,
        .rst_ni(run_rst_n),
        .limit_i,
        .give_i(give && give_core == CoreW'(c)),
        .give_start_i(read_start),
        .give_uses_i(read_uses),
        .open_o(open[c]),
        .load_o(load[c]),
        .used_o(used[c]),
        .held_o(held[c]),
        .task_valid_o(task_valid_o[c]),
        .task_ready_i(task_ready_i[c]),
        .task_o(task_o[c]),
        .task_context_i(task_context_i[c]),
        .task_done_i(task_done_i[c]),
        .over_valid_o(over_valid[c]),
        .over_grant_i(over_grant[c]),
        .over_uses_o(over_uses[c]),
        .over_apply_i(over_apply[c]),
        .over_uses_i(over_uses_q)
    );

    assign drained_o[c] = load[c] == '0;
    assign events_o[c] = '{
        task_: give && give_core == CoreW'(c) && !read_uses.weights,
        weights: give && give_core == CoreW'(c) && read_uses.weights,
        starved: load[c] < limit_i && ready[c] == '0,
        full: load[c] >= limit_i && ready[c] != '0,
        active: load[c] != '0
    };
  end

  // the lowest core with something that is over
  always_comb begin
    over_grant = '0;
    over_uses_d = over_uses[0];
    for (int c = int'(NumCores) - 1; c >= 0; c--) begin
      if (over_valid[c]) begin
        over_grant = NumCores'(1) << c;
        over_uses_d = over_uses[c];
      end
    end
    if (over_valid_q && !over_ready) over_grant = '0;
    over_apply = (over_valid_q && over_ready) ? over_core_q : '0;
  end

  always_ff @(posedge clk_i) begin
    if (!run_rst_n) over_valid_q <= 1'b0;
    else if (!over_valid_q || over_ready) over_valid_q <= over_grant != '0;
  end

  always_ff @(posedge clk_i) begin
    if (over_grant != '0) begin
      over_core_q <= over_grant;
      over_uses_q <= over_uses_d;
    end
  end

  assign at_rest_o = &drained_o && !select_busy;

  // oldest entry, place by place
  logic [SlotW:0] place_q;
  logic seen_q;

  assign read_slot = find_i ? place_q[SlotW-1:0] : give_slot;
  assign found_o = place_q[SlotW];

  always_ff @(posedge clk_i) begin
    if (!run_rst_n || !find_i) begin
      place_q <= '0;
      seen_q <= 1'b0;
    end else if (!found_o) begin
      place_q <= place_q + 1'b1;
      if (read_valid) seen_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (find_i && !found_o && read_valid && (!seen_q || read_start.seq < oldest_o)) begin
      oldest_o <= read_start.seq;
    end
  end

  `FVGM_ASSERT(NothingGivenWhileSearching, find_i |-> !give)
  `FVGM_ASSERT(RestIsRest, session_i && at_rest_o |->
               task_valid_o == '0 && over_valid == '0 && !over_valid_q)

endmodule
