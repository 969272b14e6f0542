// What the task queue knows of one core: the task that it offers, the tasks that run, the areas that
// they use, the weight set in each area.
//
// give_i puts a task into the register that offers it (task_valid_o until task_ready_i); the core says
// in which context it takes it. When a context is over (task_done_i) what it used is remembered until
// over_grant_i, which brings it to over_uses_o; over_apply_i then takes it off the books. A context
// may be filled again before that, so there are two records for each; open_o keeps a third task away.
// Latency: task_valid_o a cycle after give_i. No errors.
`include "fvgm_assert.svh"

module fvgm_taskq_core #(
    parameter int unsigned Contexts = 2  // 1 to 8
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic [fvgm_taskq_pkg::LoadW-1:0] limit_i,  // tasks at a time
    // hand-out
    input  logic give_i,
    input  fvgm_task_pkg::task_start_t give_start_i,
    input  fvgm_taskq_pkg::use_t give_uses_i,
    output logic open_o,
    output logic [fvgm_taskq_pkg::LoadW-1:0] load_o,   // tasks given and not over
    output logic [fvgm_isa_pkg::NumAreas-1:0] used_o,
    output logic [fvgm_isa_pkg::NumAreas-1:0][fvgm_taskq_pkg::SetW-1:0] held_o,
    // the core
    output logic task_valid_o,
    input  logic task_ready_i,
    output fvgm_task_pkg::task_start_t task_o,
    input  logic [fvgm_task_pkg::ContextW-1:0] task_context_i,
    input  logic [Contexts-1:0] task_done_i,
    // what is over
    output logic over_valid_o,
    input  logic over_grant_i,
    output fvgm_taskq_pkg::use_t over_uses_o,
    input  logic over_apply_i,
    input  fvgm_taskq_pkg::use_t over_uses_i
);

  import fvgm_isa_pkg::*;
  import fvgm_task_pkg::*;
  import fvgm_taskq_pkg::*;

  localparam int unsigned Records = 2 * Contexts;
  localparam int unsigned RecordW = $clog2(Records);

  (* ram_style = "distributed" *) use_t record[Records];
  logic offer_q, taken;
  task_start_t start_q;
  use_t uses_q;
  logic [LoadW-1:0] load_q;
  logic [NumAreas-1:0][LoadW-1:0] users_q;  // running tasks that use the area
  logic [NumAreas-1:0][SetW-1:0] held_q;
  logic [Contexts-1:0] bank_q;              // record of the context's task
  logic [Records-1:0] over_q;
  logic [RecordW-1:0] oldest;

  assign taken = offer_q && task_ready_i;

  always_comb begin
    oldest = '0;
    for (int r = int'(Records) - 1; r >= 0; r--) if (over_q[r]) oldest = RecordW'(r);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      offer_q <= 1'b0;
      load_q <= '0;
      users_q <= '0;
      held_q <= '0;
      bank_q <= '0;
      over_q <= '0;
    end else begin
      offer_q <= give_i || (offer_q && !task_ready_i);
      load_q <= load_q + LoadW'(give_i) - LoadW'(over_apply_i);
      for (int unsigned a = 0; a < NumAreas; a++) begin
        users_q[a] <= users_q[a] + LoadW'(give_i && give_uses_i.areas[a]) -
                      LoadW'(over_apply_i && over_uses_i.areas[a]);
        if (give_i && give_uses_i.weights && give_uses_i.areas[a]) begin
          held_q[a] <= '0;
        end else if (over_apply_i && over_uses_i.weights && over_uses_i.areas[a]) begin
          held_q[a] <= over_uses_i.set;
        end
      end
      if (over_grant_i) over_q[oldest] <= 1'b0;
      for (int unsigned x = 0; x < Contexts; x++) begin
        if (taken && task_context_i == ContextW'(x)) bank_q[x] <= !bank_q[x];
        if (task_done_i[x]) over_q[RecordW'(2 * x) + RecordW'(bank_q[x])] <= 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (give_i) begin
      start_q <= give_start_i;
      uses_q <= give_uses_i;
    end
    for (int unsigned x = 0; x < Contexts; x++) begin
      if (taken && task_context_i == ContextW'(x)) begin
        record[RecordW'(2 * x) + RecordW'(!bank_q[x])] <= uses_q;
      end
    end
  end

  always_comb begin
    for (int unsigned a = 0; a < NumAreas; a++) used_o[a] = users_q[a] != '0;
  end

  assign open_o = !offer_q && load_q < limit_i && over_q == '0;
  assign load_o = load_q;
  assign held_o = held_q;
  assign task_valid_o = offer_q;
  assign task_o = start_q;
  assign over_valid_o = over_q != '0;
  assign over_uses_o = record[oldest];

  logic unused_bits;
  assign unused_bits = ^{over_uses_i.signal0, over_uses_i.signal1};

  `FVGM_ASSERT(OfferHeld, task_valid_o && !task_ready_i |=> task_valid_o && $stable(task_o))
  `FVGM_ASSERT(OneOffer, give_i |-> !offer_q)
  `FVGM_ASSERT(WithinContexts, load_q <= LoadW'(Contexts))
  `FVGM_ASSERT(OverWasGiven, over_apply_i |-> load_q != '0)

endmodule
