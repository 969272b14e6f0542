// Sparsification unit: which rows of a tile are computed, and by what the others are recovered.
//
// Function: models/su.py and docs/su.md. Pass A compares each row with itself, with the reference
// of its window and with its cached row, 32 elements a cycle, and decides about the cached row;
// pass B decides about the windows and lists the kept rows; pass C writes the map, the write list
// and meta.
//
// Reads: two ports of two consecutive units, data exactly two cycles after acceptance. Writes: meta
// one unit, held until ready; mbuf and counts always accepted. A command is taken when the one
// before it is done; done_o comes when its last write was accepted.
//
// Parameters: none. Latency and throughput: docs/su.md (models/su.py: ideal_cycles). Errors: none;
// the scheduler has checked the fields.
module fvgm_su
  import fvgm_isa_pkg::*;
  import fvgm_su_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,

  input  logic cmd_valid_i,
  output logic cmd_ready_o,
  input  su_t  cmd_i,
  output logic done_o,
  output logic busy_o,
  output logic stall_read_o,

  output logic [1:0] rd_valid_o,
  input  logic [1:0] rd_ready_i,
  output logic [1:0][19:0] rd_addr_o,
  input  logic [1:0][1:0][127:0] rd_data_i,

  output logic wr_valid_o,
  input  logic wr_ready_i,
  output logic [19:0] wr_addr_o,
  output logic [127:0] wr_data_o,

  output logic mb_valid_o,
  output logic [15:0] mb_addr_o,
  output logic [31:0] mb_data_o,

  output logic count_valid_o,
  output logic [3:0] count_id_o,
  output logic [10:0] count_value_o,
  output logic kept_valid_o  // count_value_o is the number of kept rows, once a command
);

  typedef enum logic [2:0] {Idle, Start, Rows, Emit, Emitting, Done} state_e;

  state_e state_q;
  su_t cmd_q;
  logic [SuRowBits:0] rows;  // never more than the records hold
  logic reads_meta, start, all_done, emit_start, emit_done;

  assign rows = (cmd_q.rows > 16'(SuRows)) ? 11'(SuRows) : cmd_q.rows[SuRowBits:0];
  assign reads_meta = cmd_q.meta[0] && (cmd_q.step[0] || (cmd_q.mask[0] && !cmd_q.window[0]));
  assign cmd_ready_o = state_q == Idle;
  assign busy_o = state_q != Idle;
  assign done_o = state_q == Done;
  assign start = state_q == Start && rows != '0;
  assign emit_start = state_q == Emit;
  assign stall_read_o = (rd_valid_o & ~rd_ready_i) != '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= Idle;
    end else begin
      unique case (state_q)
        Idle: if (cmd_valid_i) state_q <= Start;
        Start: state_q <= (rows == '0) ? Done : Rows;
        Rows: if (all_done) state_q <= Emit;
        Emit: state_q <= Emitting;
        Emitting: if (emit_done) state_q <= Done;
        default: state_q <= Idle;
      endcase
    end
    if (cmd_valid_i && cmd_ready_o) cmd_q <= cmd_i;
  end

  // Rows and reads.
  logic row_valid, row_ready, row_done;
  row_t row;
  token_t issued, chunk, chunk_late;
  logic [5:0] count;

  fvgm_su_walk u_walk (
    .clk_i, .rst_ni,
    .start_i(start), .cmd_i(cmd_q), .rows_i(rows),
    .row_valid_o(row_valid), .row_ready_i(row_ready), .row_o(row)
  );

  fvgm_su_issue u_issue (
    .clk_i, .rst_ni,
    .cmd_i(cmd_q), .reads_meta_i(reads_meta),
    .row_valid_i(row_valid), .row_ready_o(row_ready), .row_i(row), .row_done_i(row_done),
    .rd_valid_o, .rd_ready_i, .rd_addr_o,
    .token_o(issued), .count_o(count)
  );

  // Chunks and their product sums.
  logic meta_valid, bad, hold;
  logic [127:0] meta;
  logic [4:0] exponent, held_exponent_q;
  logic [SuLanes-1:0][SuOperandBits-1:0] operand;
  logic [SuLanes-1:0] negative;
  logic [SuSumBits-1:0] sum;

  fvgm_su_unpack u_unpack (
    .clk_i, .rst_ni,
    .taken_i(rd_valid_o & rd_ready_i), .rd_data_i, .token_i(issued), .count_i(count),
    .int8_i(cmd_q.c_int8[0]),
    .meta_valid_o(meta_valid), .meta_o(meta),
    .token_o(chunk), .exponent_o(exponent), .bad_o(bad), .operand_o(operand),
    .negative_o(negative)
  );

  assign hold = chunk.valid && (chunk.kind == SlotNorm || chunk.kind == SlotCached);

  fvgm_su_lanes u_lanes (
    .clk_i, .awake_i(busy_o),
    .hold_i(hold), .operand_i(operand), .negative_i(negative), .sum_o(sum)
  );

  // Beside the lanes.
  typedef struct packed {
    token_t token;
    logic bad;
    logic [5:0] exponent;
  } beside_t;

  beside_t [SuLaneLatency-1:0] beside_q;

  always_ff @(posedge clk_i) begin
    if (hold) held_exponent_q <= exponent;
    beside_q[0].token <= chunk;
    beside_q[0].token.valid <= chunk.valid && !chunk.kind[2];
    beside_q[0].bad <= bad;
    beside_q[0].exponent <= 6'(exponent) + 6'(hold ? exponent : held_exponent_q);
    for (int unsigned i = 1; i < SuLaneLatency; i++) beside_q[i] <= beside_q[i-1];
    if (!rst_ni) begin
      for (int unsigned i = 0; i < SuLaneLatency; i++) beside_q[i].token.valid <= 1'b0;
    end
  end

  assign chunk_late = beside_q[SuLaneLatency-1].token;

  // Sums and decisions.
  logic sum_valid, sum_row_end, sum_keep;
  logic [31:0] sum_value;

  fvgm_su_acc u_acc (
    .clk_i, .rst_ni,
    .token_i(chunk_late), .sum_i(sum), .exponent_i(beside_q[SuLaneLatency-1].exponent),
    .bad_i(beside_q[SuLaneLatency-1].bad), .mask_i(cmd_q.mask[0]),
    .valid_o(sum_valid), .row_end_o(sum_row_end), .keep_o(sum_keep), .value_o(sum_value)
  );

  logic decide_mul, emit_mul, mul_valid_unused;
  logic [31:0] mul_a, mul_b, emit_a, emit_b, mul_y;
  logic record_we, record_en;
  logic [SuRowBits-1:0] record_wr_row, record_rd_row;
  record_t record_wr, record_rd;

  fvgm_su_decide u_decide (
    .clk_i, .rst_ni,
    .start_i(start), .cmd_i(cmd_q), .reads_meta_i(reads_meta), .rows_i(rows),
    .row_push_i(row_valid && row_ready), .row_ref_i(row.ref_row), .row_use_i(row.use_ref),
    .meta_push_i(meta_valid), .meta_i(meta),
    .sum_push_i(sum_valid), .sum_row_end_i(sum_row_end), .sum_keep_i(sum_keep),
    .sum_i(sum_value),
    .emit_i(state_q == Emitting), .emit_a_i(emit_a), .emit_b_i(emit_b),
    .mul_valid_o(decide_mul), .mul_a_o(mul_a), .mul_b_o(mul_b), .mul_y_i(mul_y),
    .row_done_o(row_done), .all_done_o(all_done),
    .record_valid_o(record_we), .record_row_o(record_wr_row), .record_o(record_wr)
  );

  fvgm_fp32_mul u_mul (
    .clk_i, .rst_ni,
    .valid_i(decide_mul || emit_mul),
    .a_i(mul_a), .b_i(mul_b),
    .valid_o(mul_valid_unused), .y_o(mul_y)
  );

  fvgm_ram_1r1w #(
    .Width($bits(record_t)),
    .Depth(SuRows),
    .RamStyle("block")
  ) u_records (
    .clk_i,
    .wr_en_i(record_we), .wr_addr_i(record_wr_row), .wr_data_i(record_wr),
    .rd_en_i(record_en), .rd_addr_i(record_rd_row), .rd_data_o(record_rd)
  );

  fvgm_su_emit u_emit (
    .clk_i, .rst_ni,
    .start_i(emit_start), .cmd_i(cmd_q), .rows_i(rows), .done_o(emit_done),
    .record_en_o(record_en), .record_row_o(record_rd_row), .record_i(record_rd),
    .mul_valid_o(emit_mul), .mul_a_o(emit_a), .mul_b_o(emit_b), .mul_y_i(mul_y),
    .mb_valid_o, .mb_addr_o, .mb_data_o,
    .wr_valid_o, .wr_ready_i, .wr_addr_o, .wr_data_o,
    .count_valid_o, .count_id_o, .count_value_o, .kept_valid_o
  );

endmodule
