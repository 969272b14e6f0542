// The window: the oldest entries that have not been given out, what is known of each, and which may
// go to which core.
//
// An entry takes a free place; two matrices then tell how it stands to the others: conflict_q[i][j]
// (j is older, they share areas, one is a WEIGHTS: i must go after j on every core to which j still
// may go) and before_q[i][j] (j is preferred: WEIGHTS, then priority, then age). A place is free again
// when no core is left to which its entry may go: a TASK goes once, a WEIGHTS once to each of its
// cores.
//
// ready_o[c][i]: entry i may go to core c. give_i takes it (3 cycles after ready_o at the earliest;
// until then nothing takes ready_o back). Latency: 2 cycles from entry_i to ready_o for an entry that
// waits for nothing. No errors.
`include "fvgm_assert.svh"

module fvgm_taskq_window #(
    parameter int unsigned Slots    = 4,  // power of two
    parameter int unsigned NumCores = 2,
    localparam int unsigned SlotW   = $clog2(Slots),
    localparam int unsigned CoreW   = NumCores > 1 ? $clog2(NumCores) : 1
) (
    input  logic                                                     clk_i,
    input  logic                                                     rst_ni,
    output logic                                                     empty_o,
    // entries, in the order of the table
    input  logic                                                     entry_valid_i,
    output logic                                                     entry_ready_o,
    input  fvgm_taskq_pkg::entry_t                                   entry_i,
    // rotation
    output logic                                                     admit_o,
    output logic [SlotW-1:0]                                         admit_slot_o,
    output logic [Slots-1:0]                                         want_o,
    output logic [NumCores-1:0][Slots-1:0]                           clear_o,
    input  logic                                                     result_valid_i,
    input  logic [SlotW-1:0]                                         result_slot_i,
    input  logic [fvgm_isa_pkg::NumTaskWaits-1:0]                    result_holds_i,
    input  logic [NumCores-1:0]                                      result_loaded_i,
    // selection
    input  logic [NumCores-1:0][fvgm_isa_pkg::NumAreas-1:0]          used_i,  // areas of what runs
    output logic [NumCores-1:0][Slots-1:0]                           ready_o,
    output logic [Slots-1:0][Slots-1:0]                              before_o,
    input  logic                                                     give_i,
    input  logic [SlotW-1:0]                                         give_slot_i,
    input  logic [CoreW-1:0]                                         give_core_i,
    // what stands at read_slot_i
    input  logic [SlotW-1:0]                                         read_slot_i,
    output logic                                                     read_valid_o,
    output fvgm_task_pkg::task_start_t                               read_start_o,
    output fvgm_taskq_pkg::use_t                                     read_uses_o
);

  import fvgm_isa_pkg::*;
  import fvgm_task_pkg::*;
  import fvgm_taskq_pkg::*;

  if (Slots < 2 || (Slots & (Slots - 1)) != 0) begin : g_slots
    $error("fvgm_taskq_window: Slots must be a power of two, at least 2");
  end
  if (NumCores < 1 || NumCores > MaxCores) begin : g_cores
    $error("fvgm_taskq_window: NumCores must be 1 to 16");
  end

  (* ram_style = "distributed" *) task_start_t start[Slots];
  (* ram_style = "distributed" *) use_t uses[Slots];

  // of each place
  logic [Slots-1:0][NumCores-1:0] pending_q;      // cores to which it may still go
  logic [Slots-1:0][NumCores-1:0] loaded_q;       // its set lies there
  logic [Slots-1:0][NumTaskWaits-1:0] open_q;     // waits that did not hold yet
  logic [Slots-1:0] fresh_q;                      // has just come, blocked_q is not about it yet
  logic [Slots-1:0] weights_q;
  logic [Slots-1:0][NumAreas-1:0] areas_q;
  logic [Slots-1:0][7:0] prio_q;
  logic [Slots-1:0][Slots-1:0] conflict_q, before_q;
  logic [NumCores-1:0][Slots-1:0] blocked_d, blocked_q;

  logic [Slots-1:0] occupied, free, admit_to;
  logic [Slots-1:0][8:0] rank;                    // what is greater is preferred
  logic [8:0] entry_rank;
  logic free_valid_q, admit;
  logic [SlotW-1:0] free_d, free_q;               // a free place

  always_comb begin
    entry_rank = {entry_i.uses.weights, entry_i.start.prio};
    for (int unsigned s = 0; s < Slots; s++) begin
      occupied[s] = pending_q[s] != '0;
      rank[s] = {weights_q[s], prio_q[s]};
    end
    free = ~occupied;
    if (admit) free[free_q] = 1'b0;
    free_d = '0;
    for (int s = int'(Slots) - 1; s >= 0; s--) if (free[s]) free_d = SlotW'(s);
    admit_to = '0;
    admit_to[free_q] = admit;
  end

  assign admit = entry_valid_i && free_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      free_valid_q <= 1'b0;
      pending_q <= '0;
      fresh_q <= '0;
    end else begin
      if (!free_valid_q || admit) free_valid_q <= free != '0;
      fresh_q <= admit_to;
      for (int unsigned s = 0; s < Slots; s++) begin
        if (admit_to[s]) pending_q[s] <= entry_i.cores[NumCores-1:0];
        else if (give_i && give_slot_i == SlotW'(s)) begin
          if (weights_q[s]) pending_q[s][give_core_i] <= 1'b0;
          else pending_q[s] <= '0;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!free_valid_q || admit) free_q <= free_d;
    if (admit) begin
      start[free_q] <= entry_i.start;
      uses[free_q] <= entry_i.uses;
    end
    for (int unsigned s = 0; s < Slots; s++) begin
      if (admit_to[s]) begin
        weights_q[s] <= entry_i.uses.weights;
        areas_q[s] <= entry_i.uses.areas;
        prio_q[s] <= entry_i.start.prio;
        loaded_q[s] <= {NumCores{entry_i.uses.weights || entry_i.uses.set == '0}};
        for (int unsigned w = 0; w < NumTaskWaits; w++) open_q[s][w] <= entry_i.waits[w].id != '0;
      end else if (result_valid_i && result_slot_i == SlotW'(s)) begin
        open_q[s] <= open_q[s] & ~result_holds_i;
        loaded_q[s] <= loaded_q[s] | result_loaded_i;
      end
      // how the new entry stands to that in place s
      if (admit) begin
        conflict_q[free_q][s] <= (areas_q[s] & entry_i.uses.areas) != '0 &&
                                 (weights_q[s] || entry_i.uses.weights);
        before_q[free_q][s] <= rank[s] >= entry_rank;
        conflict_q[s][free_q] <= 1'b0;
        before_q[s][free_q] <= SlotW'(s) != free_q && entry_rank > rank[s];
      end
    end
    blocked_q <= blocked_d;
  end

  always_comb begin
    for (int unsigned s = 0; s < Slots; s++) begin
      want_o[s] = occupied[s] && !fresh_q[s] && open_q[s] != '0;
      for (int unsigned c = 0; c < NumCores; c++) begin
        blocked_d[c][s] = 1'b0;
        for (int unsigned o = 0; o < Slots; o++) begin
          if (conflict_q[s][o] && pending_q[o][c]) blocked_d[c][s] = 1'b1;
        end
        clear_o[c][s] = !blocked_q[c][s] && !fresh_q[s];
        if (pending_q[s][c] && !loaded_q[s][c] && clear_o[c][s]) want_o[s] = 1'b1;
        ready_o[c][s] = pending_q[s][c] && clear_o[c][s] && open_q[s] == '0 && loaded_q[s][c] &&
                        !(weights_q[s] && (areas_q[s] & used_i[c]) != '0);
      end
    end
  end

  assign entry_ready_o = free_valid_q;
  assign admit_o = admit;
  assign admit_slot_o = free_q;
  assign before_o = before_q;
  assign empty_o = occupied == '0;
  assign read_valid_o = occupied[read_slot_i];
  assign read_start_o = start[read_slot_i];
  assign read_uses_o = uses[read_slot_i];

  logic unused_bits;
  always_comb begin
    unused_bits = ^{entry_i.cores};
    for (int unsigned w = 0; w < NumTaskWaits; w++) unused_bits ^= ^entry_i.waits[w].value;
  end

  `FVGM_ASSERT(AdmitIntoFree, admit |-> !occupied[free_q])
  `FVGM_ASSERT(GiveReady, give_i |-> ready_o[give_core_i][give_slot_i])
  `FVGM_ASSERT(EntryHasCores, entry_valid_i |-> entry_i.cores[NumCores-1:0] != '0)

endmodule
