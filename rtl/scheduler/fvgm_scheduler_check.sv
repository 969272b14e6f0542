// Checks every field of one instruction; models/scheduler_check.py states the same checks.
//
// Flags, lengths and alignment are looked at in one cycle. Address ranges are sums
// base + (n_0 - 1) * step_0 + (n_1 - 1) * step_1 ...: one 16 x 32 multiplier and one accumulator take a
// term per cycle (fvgm_scheduler_fields, fvgm_scheduler_terms). All sums are below 2^50, nothing wraps.
// Causes are found in the order ILLEGAL_OPCODE, ILLEGAL_FIELD, ZERO_LENGTH, MISALIGNED, BUFFER_RANGE, WINDOW_RANGE.
//
// instr_i stays stable from instr_valid_i until the result is taken (result_valid_o && result_ready_i);
// the source then shows the next one. addr_o is the HBM address for MISALIGNED and
// WINDOW_RANGE, else 0. Cycles from valid to result: END and unknown opcodes 1, LOAD and STORE 9,
// GEMM 16, SFU and SU 13, RU 12. abort_i drops the present check.
`include "fvgm_assert.svh"

module fvgm_scheduler_check #(
    parameter int unsigned ABufUnits   = 2048,
    parameter int unsigned BBufUnits   = 2048,
    parameter int unsigned VBufUnits   = 2048,
    parameter int unsigned PBufEntries = 64,
    parameter int unsigned RBufWords   = 256,
    parameter int unsigned MBufEntries = 1024
) (
    input  logic                                 clk_i,
    input  logic                                 rst_ni,
    input  logic                                 abort_i,
    input  fvgm_scheduler_pkg::windows_t         windows_i,
    input  logic                                 instr_valid_i,
    input  fvgm_isa_pkg::instr_t                 instr_i,
    input  logic [fvgm_isa_pkg::NumSliceBuffers-1:0][19:0] slice_size_i,  // words of a slice
    output logic                                 result_valid_o,
    input  logic                                 result_ready_i,
    output fvgm_isa_pkg::cause_e                 cause_o,
    output logic [fvgm_scheduler_pkg::AddrW-1:0] addr_o
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  localparam int unsigned SumW = 50;

  if (ABufUnits > (1 << 20) || BBufUnits > (1 << 20) || VBufUnits > (1 << 20)) begin : g_units
    $error("fvgm_scheduler_check: buffers have at most 2^20 units");
  end
  if (PBufEntries > (1 << 16) || RBufWords > (1 << 16) || MBufEntries > (1 << 16)) begin : g_params
    $error("fvgm_scheduler_check: pbuf, rbuf and mbuf have at most 2^16 entries");
  end

  typedef enum logic [1:0] {
    StIdle,
    StTerms,
    StDrain,
    StResult
  } state_e;

  state_e state_d, state_q;
  logic [3:0] index_d, index_q;

  header_t header;
  transfer_t transfer;
  assign header = instr_i.header;
  assign transfer = instr_i.payload;

  // term sequence: select, multiply, accumulate, compare
  logic start, term_valid;
  term_t term;
  term_t [2:0] stage_q;
  logic [2:0] stage_valid_q;
  logic [47:0] product_q;
  logic [SumW-1:0] sum_q;
  logic bad_buffer_q, bad_window_q, above_read_q, above_write_q;
  cause_e static_d, static_q, cause;
  logic ranged;

  fvgm_scheduler_fields u_fields (
      .instr_i,
      .cause_o(static_d),
      .ranged_o(ranged)
  );

  // what the operands in each buffer may use: the buffer, or the slice of a context
  localparam logic [NumSliceBuffers-1:0][20:0] Sizes = {
    21'(MBufEntries), 21'(RBufWords), 21'(PBufEntries),
    21'(VBufUnits), 21'(BBufUnits), 21'(ABufUnits)
  };
  logic [NumSliceBuffers-1:0][20:0] limit;
  always_comb begin
    for (int unsigned b = 0; b < NumSliceBuffers; b++) begin
      limit[b] = header.slice[b] ? 21'(slice_size_i[b]) : Sizes[b];
    end
  end

  fvgm_scheduler_terms u_terms (
      .instr_i,
      .limit_i(limit),
      .index_i(index_q),
      .term_o(term)
  );

  assign start = state_q == StIdle && instr_valid_i && !abort_i;
  assign term_valid = state_q == StTerms;

  always_comb begin
    state_d = state_q;
    index_d = '0;
    case (state_q)
      StIdle: if (start) state_d = ranged ? StTerms : StResult;
      StTerms: begin
        index_d = index_q + 4'd1;
        if (term.last) state_d = StDrain;
      end
      StDrain: if (stage_valid_q[2] && stage_q[2].last) state_d = StResult;
      default: if (result_ready_i) state_d = StIdle;
    endcase
    if (abort_i) state_d = StIdle;
  end

  always_comb begin
    cause = static_q;
    if (static_q == CauseNone && bad_buffer_q) cause = CauseBufferRange;
    else if (static_q == CauseNone && bad_window_q) cause = CauseWindowRange;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      index_q <= '0;
      stage_valid_q <= '0;
    end else begin
      state_q <= state_d;
      index_q <= index_d;
      stage_valid_q <= abort_i ? '0 : {stage_valid_q[1:0], term_valid};
    end
  end

  // The sum of a term is in sum_q while stage_q[2] holds the term.
  always_ff @(posedge clk_i) begin
    if (start) begin
      bad_buffer_q <= 1'b0;
      bad_window_q <= 1'b0;
      static_q <= static_d;
      above_read_q <= transfer.hbm_addr >= windows_i.read_base;
      above_write_q <= transfer.hbm_addr >= windows_i.write_base;
    end
    if (term_valid) stage_q[0] <= term;
    if (stage_valid_q[0]) begin
      stage_q[1] <= stage_q[0];
      product_q <= stage_q[0].count * stage_q[0].step;
    end
    if (stage_valid_q[1]) begin
      stage_q[2] <= stage_q[1];
      sum_q <= (stage_q[1].first ? SumW'(stage_q[1].base) : sum_q) + SumW'(product_q);
    end
    if (stage_valid_q[2]) begin
      if (stage_q[2].buffer_end && sum_q >= SumW'(stage_q[2].limit)) bad_buffer_q <= 1'b1;
      if (stage_q[2].window_end) begin
        bad_window_q <= !(sum_q <= (SumW'(1) << AddrW) &&
            ((above_write_q && sum_q <= SumW'(windows_i.write_limit)) ||
             (above_read_q && sum_q <= SumW'(windows_i.read_limit) && header.opcode == OpLoad)));
      end
    end
  end

  assign result_valid_o = state_q == StResult;
  assign cause_o = cause;
  assign addr_o = (cause == CauseMisaligned || cause == CauseWindowRange) ?
                  transfer.hbm_addr : '0;

  logic unused_bits;
  assign unused_bits = ^{header, transfer};

  `FVGM_ASSERT(ResultHeld, result_valid_o && !result_ready_i && !abort_i |=>
               result_valid_o && $stable(cause_o))
  `FVGM_ASSERT(InstrHeld, instr_valid_i && state_q != StIdle && !abort_i |->
               $stable(instr_i))

endmodule
