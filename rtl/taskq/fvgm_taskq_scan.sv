// Rotation over the window: one entry a cycle, its waits against the events, its weight set against
// what the cores hold.
//
// want_i names the entries for which there is something to find out; they take turns. A result comes
// 3 cycles after an entry's turn: which of its waits hold, on which cores its set lies in all of its
// areas (clear_i: and stays there). Both stay true until the entry leaves, so the window keeps them
// and asks only for the rest.
// A result under way is dropped when its place is filled anew (admit_i). No errors.
`include "fvgm_assert.svh"

module fvgm_taskq_scan #(
    parameter int unsigned Slots    = 4,  // power of two
    parameter int unsigned NumCores = 2,
    parameter int unsigned Events   = fvgm_isa_pkg::NumEvents,
    parameter int unsigned ValueW   = fvgm_taskq_pkg::ValueW,
    localparam int unsigned SlotW   = $clog2(Slots),
    localparam int unsigned IdW     = $clog2(Events)
) (
    input  logic                                                                clk_i,
    input  logic                                                                rst_ni,
    input  logic [Slots-1:0]                                                    want_i,
    // no WEIGHTS in front of the entry still has to go to the core: what the core holds is final
    input  logic [NumCores-1:0][Slots-1:0]                                      clear_i,
    // an entry takes a place
    input  logic                                                                admit_i,
    input  logic [SlotW-1:0]                                                    admit_slot_i,
    input  fvgm_taskq_pkg::entry_t                                              entry_i,
    // events
    output logic [fvgm_isa_pkg::NumTaskWaits-1:0][IdW-1:0]                      read_id_o,
    input  logic [fvgm_isa_pkg::NumTaskWaits-1:0][ValueW-1:0]                   read_value_i,
    // weight set in each area of each core, 0: none
    input  logic [NumCores-1:0][fvgm_isa_pkg::NumAreas-1:0][fvgm_taskq_pkg::SetW-1:0] held_i,
    // results
    output logic                                                                result_valid_o,
    output logic [SlotW-1:0]                                                    result_slot_o,
    output logic [fvgm_isa_pkg::NumTaskWaits-1:0]                               result_holds_o,
    output logic [NumCores-1:0]                                                 result_loaded_o
);

  import fvgm_isa_pkg::*;
  import fvgm_taskq_pkg::*;

  typedef struct packed {
    wait_t [NumTaskWaits-1:0] waits;
    logic [SetW-1:0] set;
    logic [NumAreas-1:0] areas;
  } test_t;

  (* ram_style = "distributed" *) test_t test[Slots];
  logic [SlotW-1:0] slot, last_q, slot1_q, slot2_q;
  logic [Slots-1:0] behind;  // places behind the last turn
  logic valid1_q, valid2_q, pick;
  test_t test1_q, test2_q;
  logic [NumTaskWaits-1:0][ValueW-1:0] value_q, ahead;
  logic [NumCores-1:0] clear1_q, loaded_d, loaded_q;

  always_comb begin
    slot = '0;
    pick = want_i != '0;
    for (int unsigned s = 0; s < Slots; s++) behind[s] = want_i[s] && SlotW'(s) > last_q;
    for (int s = int'(Slots) - 1; s >= 0; s--) begin
      if (behind != '0 ? behind[s] : want_i[s]) slot = SlotW'(s);
    end
  end

  always_comb begin
    for (int unsigned w = 0; w < NumTaskWaits; w++) begin
      read_id_o[w] = test1_q.waits[w].id[IdW-1:0];
      ahead[w] = value_q[w] - test2_q.waits[w].value[ValueW-1:0];
      result_holds_o[w] = !ahead[w][ValueW-1];
    end
    loaded_d = clear1_q;
    for (int unsigned c = 0; c < NumCores; c++) begin
      for (int unsigned a = 0; a < NumAreas; a++) begin
        if (test1_q.areas[a] && held_i[c][a] != test1_q.set) loaded_d[c] = 1'b0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      last_q <= '0;
      valid1_q <= 1'b0;
      valid2_q <= 1'b0;
    end else begin
      if (pick) last_q <= slot;
      valid1_q <= pick && !(admit_i && admit_slot_i == slot);
      valid2_q <= valid1_q && !(admit_i && admit_slot_i == slot1_q);
    end
  end

  always_ff @(posedge clk_i) begin
    if (admit_i) begin
      test[admit_slot_i] <= '{
          waits: entry_i.waits, set: entry_i.uses.set, areas: entry_i.uses.areas
      };
    end
    test1_q <= test[slot];
    slot1_q <= slot;
    for (int unsigned c = 0; c < NumCores; c++) clear1_q[c] <= clear_i[c][slot];
    test2_q <= test1_q;
    slot2_q <= slot1_q;
    value_q <= read_value_i;
    loaded_q <= loaded_d;
  end

  assign result_valid_o = valid2_q && !(admit_i && admit_slot_i == slot2_q);
  assign result_slot_o = slot2_q;
  assign result_loaded_o = loaded_q;

  logic unused_bits;
  always_comb begin
    unused_bits = ^{entry_i.start, entry_i.cores, entry_i.uses.weights, entry_i.uses.signal0,
                    entry_i.uses.signal1, test2_q.set, test2_q.areas};
    for (int unsigned w = 0; w < NumTaskWaits; w++) begin
      unused_bits ^= ^{ahead[w], test1_q.waits[w], test2_q.waits[w]};
    end
  end

  `FVGM_ASSERT(TurnOfOneThatWants, pick |-> want_i[slot])

endmodule
