// Selection: the preferred of the entries that may go, and the core that gets it.
//
// Every cycle takes note of what may go where (ready_i on cores that are open_i); one cycle later the
// entry is known, two later the core: of those to which it may go the one with the fewest tasks
// (load_i), of these the lowest. give_o then hands it out. What is noted while a hand-out is under way
// is forgotten, so hand-outs come at most every 3 cycles. enable_i low: nothing is given. No errors.
`include "fvgm_assert.svh"

module fvgm_taskq_select #(
    parameter int unsigned Slots    = 4,
    parameter int unsigned NumCores = 2,
    localparam int unsigned SlotW   = $clog2(Slots),
    localparam int unsigned CoreW   = NumCores > 1 ? $clog2(NumCores) : 1
) (
    input  logic                                          clk_i,
    input  logic                                          rst_ni,
    input  logic                                          enable_i,
    input  logic [NumCores-1:0][Slots-1:0]                ready_i,
    input  logic [Slots-1:0][Slots-1:0]                   before_i,  // [i][j]: j goes before i
    input  logic [NumCores-1:0]                           open_i,    // the core takes a task
    input  logic [NumCores-1:0][fvgm_taskq_pkg::LoadW-1:0] load_i,    // tasks of the core
    output logic                                          give_o,
    output logic [SlotW-1:0]                              give_slot_o,
    output logic [CoreW-1:0]                              give_core_o,
    output logic                                          busy_o
);

  import fvgm_taskq_pkg::*;

  logic [NumCores-1:0][Slots-1:0] may_q;
  logic [Slots-1:0] any, win;
  logic [NumCores-1:0] where, where_q;
  logic valid_q, stale_q;
  logic [SlotW-1:0] slot, slot_q;
  logic [LoadW-1:0] least;

  always_comb begin
    any = '0;
    for (int unsigned c = 0; c < NumCores; c++) any |= may_q[c];
    slot = '0;
    for (int unsigned s = 0; s < Slots; s++) begin
      win[s] = any[s] && (any & before_i[s]) == '0;
      if (win[s]) slot |= SlotW'(s);
    end
    for (int unsigned c = 0; c < NumCores; c++) where[c] = (win & may_q[c]) != '0;
  end

  always_comb begin
    give_core_o = '0;
    least = '1;
    for (int unsigned c = 0; c < NumCores; c++) begin
      if (where_q[c] && load_i[c] < least) begin
        give_core_o = CoreW'(c);
        least = load_i[c];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      may_q <= '0;
      valid_q <= 1'b0;
      stale_q <= 1'b0;
    end else begin
      for (int unsigned c = 0; c < NumCores; c++) may_q[c] <= open_i[c] ? ready_i[c] : '0;
      valid_q <= any != '0 && !valid_q && !stale_q && enable_i;
      stale_q <= valid_q;
    end
  end

  always_ff @(posedge clk_i) begin
    slot_q <= slot;
    where_q <= where;
  end

  assign give_o = valid_q && enable_i;
  assign give_slot_o = slot_q;
  assign busy_o = valid_q || any != '0;

  `FVGM_ASSERT(OneWinner, any != '0 |-> $onehot(win))

endmodule
