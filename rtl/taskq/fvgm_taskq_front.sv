// Checks of the entries, in the order of the table, and the entry in the window's terms.
//
// An entry is looked at in one cycle and waits in a register for a place in the window. END is not
// handed on: ended_o stays high. The first entry that fails a check stops the stream (error_o stays
// high until reset; models/taskq.py check_entry has the order of the checks); so does a table without
// END (exhausted_i). Throughput: one entry per cycle; latency 1 cycle.
`include "fvgm_assert.svh"

module fvgm_taskq_front #(
    parameter int unsigned NumCores = 2
) (
    input  logic                               clk_i,
    input  logic                               rst_ni,
    input  logic [fvgm_task_pkg::AddrW-1:0]    table_base_i,
    // from the fetch
    input  logic                               entry_valid_i,
    output logic                               entry_ready_o,
    input  fvgm_isa_pkg::task_t                entry_i,
    input  logic                               entry_error_i,
    input  logic                               exhausted_i,
    // to the window
    output logic                               entry_valid_o,
    input  logic                               entry_ready_i,
    output fvgm_taskq_pkg::entry_t             entry_o,
    // to the control
    output logic                               ended_o,
    output logic                               error_o,
    output fvgm_taskq_pkg::error_t             error_info_o
);

  import fvgm_isa_pkg::*;
  import fvgm_task_pkg::*;
  import fvgm_taskq_pkg::*;

  logic valid_q, ended_q, error_q, take;
  entry_t entry_d, entry_q;
  logic [SeqW-1:0] index_q;  // of the entry at the input
  error_t info_d, info_q;

  assign take = entry_valid_i && entry_ready_o;
  assign entry_ready_o = !ended_q && !error_q && (!valid_q || entry_ready_i);

  always_comb begin
    entry_d.start = '{
        seq: index_q,
        tag: entry_i.tag,
        prio: entry_i.prio,
        length: entry_i.length,
        base: entry_i.base
    };
    entry_d.uses.weights = entry_i.kind == TaskWeights;
    entry_d.uses.set = entry_i.set;
    entry_d.uses.areas = entry_i.set == '0 ? '0 : entry_i.areas;
    entry_d.uses.signal0 = entry_i.signal0;
    entry_d.uses.signal1 = entry_i.signal1;
    entry_d.cores = MaxCores'(entry_i.cores[NumCores-1:0]);
    entry_d.waits[0] = '{value: entry_i.wait0_value, id: entry_i.wait0_event};
    entry_d.waits[1] = '{value: entry_i.wait1_value, id: entry_i.wait1_event};
    entry_d.waits[2] = '{value: entry_i.wait2_value, id: entry_i.wait2_event};
    entry_d.waits[3] = '{value: entry_i.wait3_value, id: entry_i.wait3_event};
  end

  always_comb begin
    info_d = '0;
    info_d.index = index_q;
    info_d.cause = CauseNone;
    if (exhausted_i || entry_error_i) begin
      info_d.cause = exhausted_i ? CauseProgramRange : CauseFetchError;
      info_d.addr = table_base_i + (AddrW'(index_q) << 6);
    end else if (entry_i.kind == TaskEnd) begin
      info_d.cause = CauseNone;
    end else if (entry_i.kind != TaskTask && entry_i.kind != TaskWeights) begin
      info_d.cause = CauseIllegalOpcode;
    end else if (entry_d.cores == '0 || (entry_d.uses.weights && entry_i.set == '0) ||
                 (entry_i.set != '0 && entry_i.areas == '0)) begin
      info_d.cause = CauseIllegalField;
    end else if (entry_i.length == '0) begin
      info_d.cause = CauseZeroLength;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      ended_q <= 1'b0;
      error_q <= 1'b0;
      index_q <= '0;
    end else begin
      if (take) begin
        valid_q <= info_d.cause == CauseNone && entry_i.kind != TaskEnd;
        ended_q <= info_d.cause == CauseNone && entry_i.kind == TaskEnd;
        index_q <= index_q + 1'b1;
      end else if (entry_ready_i) begin
        valid_q <= 1'b0;
      end
      if ((take || (exhausted_i && entry_ready_o)) && info_d.cause != CauseNone) error_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) entry_q <= entry_d;
    if (!error_q) info_q <= info_d;
  end

  assign entry_valid_o = valid_q;
  assign entry_o = entry_q;
  assign ended_o = ended_q && !valid_q;
  assign error_o = error_q;
  assign error_info_o = info_q;

  logic unused_bits;
  assign unused_bits = ^{entry_i.reserved, entry_i.cores};

  `FVGM_ASSERT(EntryHeld, entry_valid_o && !entry_ready_i |=> entry_valid_o && $stable(entry_o))
  `FVGM_ASSERT(NothingBehindEnd, ended_o |-> !entry_ready_o)

endmodule
