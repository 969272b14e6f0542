// Feed of the mpu array: reads the operands of each step that fvgm_mpu_walk names from abuf and bbuf
// and offers them to the array.
//
//   walk ─► abuf, bbuf ─► FIFO of steps ─► select (B), mask ─► array
//
// Reads run ahead: a step is read when the FIFO has a place for it, so the array gets one step per
// cycle, across tiles and commands. Rows, columns and k that do not exist become +0: nobody has
// written them.
//
// ChainRows: rows of DSP-E chains. abuf gives 2*ChainRows lines of a step's operands (fvgm_abuf), bbuf eight
// units b_stride apart, ReadLatency cycles after the request. last_rows_o: rows of the tile whose last step
// is offered; it is given only if last_ok_i (else stall_drain_o). tile_*: tiles are announced with
// their first read. Latency: 4 cycles from a step's choice to the array. Errors: none.
module fvgm_mpu_feed
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
  import fvgm_mpu_pkg::*;
#(
  parameter int unsigned ChainRows = 1,
  parameter int unsigned ABufUnits = 2048,
  parameter int unsigned BBufUnits = 2048,
  localparam int unsigned Lines = 2 * ChainRows
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic cmd_valid_i,
  output logic cmd_ready_o,
  input  gemm_t cmd_i,
  output logic tile_valid_o,
  input  logic tile_ready_i,
  output tile_t tile_o,
  output logic abuf_rd_valid_o,
  output logic abuf_rd_int8_o,
  output logic abuf_rd_upper_o,
  output logic [$clog2(ABufUnits)-1:0] abuf_rd_addr_o,
  input  logic [Lines-1:0][UnitBits-1:0] abuf_rd_data_i,
  output logic bbuf_rd_valid_o,
  output logic [$clog2(BBufUnits)-1:0] bbuf_rd_addr_o,
  output logic [$clog2(BBufUnits)-1:0] bbuf_rd_stride_o,
  input  logic [TileCols-1:0][UnitBits-1:0] bbuf_rd_data_i,
  output logic [7:0] last_rows_o,
  input  logic last_ok_i,
  output logic step_valid_o,
  input  logic step_ready_i,
  output logic step_last_o,
  output precision_e step_precision_o,
  output logic [Lines-1:0][DspeDepth-1:0][15:0] a_o,
  output logic [TileCols-1:0][DspeDepth-1:0][15:0] b_o,
  output logic busy_o,
  output logic stall_drain_o,
  output logic stall_operand_o
);

  localparam int unsigned Depth = 8;  // steps read and not yet taken; four are under way
  localparam int unsigned CountBits = $clog2(Depth + 1);
  localparam int unsigned PointerBits = $clog2(Depth);

  logic walk_valid, walk_ready, take;
  step_t walk_step;
  logic [AddrBits-1:0] a_addr, b_addr, b_stride;

  fvgm_mpu_walk #(
    .ChainRows(ChainRows)
  ) u_walk (
    .clk_i,
    .rst_ni,
    .cmd_valid_i,
    .cmd_ready_o,
    .cmd_i,
    .step_valid_o(walk_valid),
    .step_ready_i(walk_ready),
    .step_o(walk_step),
    .a_addr_o(a_addr),
    .b_addr_o(b_addr),
    .b_stride_o(b_stride),
    .tile_o
  );

  // Reads, and the FIFO. Its places are taken with the request.
  logic [CountBits-1:0] places_q, full_q;
  logic [PointerBits-1:0] wr_q, rd_q;
  logic [ReadLatency-1:0] reading_q;
  step_t tag_q [ReadLatency];
  step_t step_mem_q [Depth];
  logic [Lines-1:0][UnitBits-1:0] a_mem_q [Depth];
  logic [TileCols-1:0][UnitBits-1:0] b_mem_q [Depth];
  logic pop;

  assign walk_ready = places_q != '0 && (!walk_step.tile_first || tile_ready_i);
  assign take = walk_valid && walk_ready;
  assign tile_valid_o = take && walk_step.tile_first;
  assign abuf_rd_valid_o = take;
  assign abuf_rd_int8_o = walk_step.precision == PrecInt8;
  assign abuf_rd_upper_o = walk_step.upper;
  assign bbuf_rd_valid_o = take;
  assign abuf_rd_addr_o = $bits(abuf_rd_addr_o)'(a_addr);
  assign bbuf_rd_addr_o = $bits(bbuf_rd_addr_o)'(b_addr);
  assign bbuf_rd_stride_o = $bits(bbuf_rd_stride_o)'(b_stride);

  if (AddrBits > $bits(abuf_rd_addr_o) || AddrBits > $bits(bbuf_rd_addr_o)) begin : gen_unused
    logic unused_addr;
    assign unused_addr = ^{a_addr, b_addr, b_stride};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      places_q <= CountBits'(Depth);
      full_q <= '0;
      wr_q <= '0;
      rd_q <= '0;
      reading_q <= '0;
    end else begin
      places_q <= places_q + CountBits'(pop) - CountBits'(take);
      full_q <= full_q + CountBits'(reading_q[ReadLatency-1]) - CountBits'(pop);
      if (reading_q[ReadLatency-1]) wr_q <= wr_q + 1'b1;
      if (pop) rd_q <= rd_q + 1'b1;
      reading_q <= {reading_q[ReadLatency-2:0], take};
    end
  end

  always_ff @(posedge clk_i) begin
    tag_q[0] <= walk_step;
    for (int unsigned i = 1; i < ReadLatency; i++) tag_q[i] <= tag_q[i-1];
    if (reading_q[ReadLatency-1]) begin
      step_mem_q[wr_q] <= tag_q[ReadLatency-1];
      a_mem_q[wr_q] <= abuf_rd_data_i;
      b_mem_q[wr_q] <= bbuf_rd_data_i;
    end
  end

  // The step at the head, its operands selected, goes into a register in front of the array.
  step_t head;
  logic valid_q, last_q, offer;
  logic [7:0] rows_q;
  precision_e precision_q;
  logic [Lines-1:0][UnitBits-1:0] a_head;
  logic [TileCols-1:0][UnitBits-1:0] b_head;
  logic [Lines-1:0][DspeDepth-1:0][15:0] a_d, a_q;
  logic [TileCols-1:0][DspeDepth-1:0][15:0] b_d, b_q;
  logic [Lines-1:0] low_row, high_row;  // rows that exist, of the low and the high bytes of a line
  logic unused_head;

  assign head = step_mem_q[rd_q];
  assign a_head = a_mem_q[rd_q];
  assign b_head = b_mem_q[rd_q];
  assign unused_head = head.tile_first;
  assign pop = full_q != '0 && (!valid_q || (step_valid_o && step_ready_i));

  // INT8: a line of rows has two of them, in the low and the high byte.
  always_comb begin
    for (int unsigned l = 0; l < Lines; l++) begin
      low_row[l] = (head.precision == PrecFp16 ? 8'(l) : 8'(2 * l)) < head.rows;
      high_row[l] = (head.precision == PrecFp16 ? 8'(l) : 8'(2 * l + 1)) < head.rows;
      for (int unsigned k = 0; k < DspeDepth; k++) begin
        a_d[l][k] = a_head[l][16*k+:16];
        if (4'(k) >= head.depth || !low_row[l]) a_d[l][k][7:0] = '0;
        if (4'(k) >= head.depth || !high_row[l]) a_d[l][k][15:8] = '0;
      end
    end
    for (int unsigned c = 0; c < TileCols; c++) begin
      for (int unsigned k = 0; k < DspeDepth; k++) begin
        b_d[c][k] = '0;
        if (4'(k) < head.depth && 4'(c) < head.cols) begin
          if (head.precision == PrecInt8) begin
            b_d[c][k] = {8'b0, b_head[c][8*k+64*32'(head.upper)+:8]};
          end else begin
            b_d[c][k] = head.kn ? b_head[k][16*c+:16] : b_head[c][16*k+:16];
          end
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else valid_q <= pop || (valid_q && !(step_valid_o && step_ready_i));
  end

  always_ff @(posedge clk_i) begin
    if (pop) begin
      last_q <= head.tile_last;
      rows_q <= head.rows;
      precision_q <= head.precision;
      a_q <= a_d;
      b_q <= b_d;
    end
  end

  assign offer = !last_q || last_ok_i;
  assign step_valid_o = valid_q && offer;
  assign step_last_o = last_q;
  assign last_rows_o = rows_q;
  assign step_precision_o = precision_q;
  assign a_o = a_q;
  assign b_o = b_q;
  assign busy_o = walk_valid || places_q != CountBits'(Depth) || valid_q;
  assign stall_drain_o = valid_q && !offer;
  assign stall_operand_o = busy_o && (!valid_q || (offer && !step_ready_i));

endmodule
