// Feed of the mpu array: reads the operand blocks that fvgm_mpu_walk names from abuf and bbuf into
// block registers, and gives the array one k step per cycle out of them.
//
//   walk ─► loader ─► abuf, bbuf ─► banks 0..2 (A, B), tail bank (A) ─► step ─► array
//
// Three banks of blocks go round: one computes, the others load, also for the next tile and the
// next command. A full block takes as many cycles to read as it has steps (INT8 16, FP16 8), so the
// array gets a step every cycle. Blocks with fewer steps than reads are limited by their reads
// (stall_operand_o).
//
// DspRows, DspCols: size of the array. A read port gives PortA (PortB) consecutive units,
// ReadLatency cycles after the request. Rows and columns that do not exist may hold anything:
// nobody writes them. step_* and operands are registered. last_o: the last step of a tile leaves
// the banks in this cycle; only if last_ok_i (else stall_drain_o). Errors: none.
module fvgm_mpu_feed
  import fvgm_isa_pkg::*;
  import fvgm_mpu_pkg::*;
#(
  parameter int unsigned DspRows = 8,
  parameter int unsigned DspCols = 4,
  parameter int unsigned ABufUnits = 2048,
  parameter int unsigned BBufUnits = 2048,
  localparam int unsigned PortA = (DspRows / 8 > 2) ? DspRows / 8 : 2,
  localparam int unsigned PortB = (DspCols / 4 > 2) ? DspCols / 4 : 2
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
  output logic [$clog2(ABufUnits)-1:0] abuf_rd_addr_o,
  input  logic [PortA-1:0][UnitBits-1:0] abuf_rd_data_i,
  output logic bbuf_rd_valid_o,
  output logic [$clog2(BBufUnits)-1:0] bbuf_rd_addr_o,
  input  logic [PortB-1:0][UnitBits-1:0] bbuf_rd_data_i,
  input  logic last_ok_i,
  output logic last_o,
  output logic step_valid_o,
  output step_t step_o,
  output logic [DspRows-1:0][15:0] a_o,
  output logic [DspCols-1:0][1:0][15:0] b_o,
  output logic busy_o,
  output logic stall_drain_o,
  output logic stall_operand_o
);

  localparam int unsigned Banks = 3;
  localparam logic [1:0] TailBank = 2'd3;
  localparam int unsigned TileCols = 2 * DspCols;
  localparam int unsigned KnUnits = TileCols / 8;  // units of one k in KN

  // What the step sequencer has to know of a block.
  typedef struct packed {
    precision_e precision;
    layout_e b_layout;
    logic tile_first;
    logic tile_last;
    logic [1:0] a_bank;
    logic [3:0] last_step;
  } info_t;

  // What the loader has to know of the block it reads.
  typedef struct packed {
    precision_e precision;
    layout_e b_layout;
    logic tail;
    logic [7:0] a_reads;
    logic [7:0] b_reads;
    logic [AddrBits-1:0] b_stride;
  } load_t;

  // A read under way: which of its block's reads, and where its data go.
  typedef struct packed {
    logic [7:0] index;
    logic [1:0] bank;
    logic fp16;
    logic kn;
  } tag_t;

  function automatic logic [1:0] next_bank(logic [1:0] bank);
    return (bank == 2'(Banks - 1)) ? 2'd0 : bank + 2'd1;
  endfunction

  // Loader: one block at a time, A and B side by side; the next block follows without a gap.
  block_t block;
  load_t load_q;
  logic block_valid, block_ready, block_take, load_valid_q, load_done, a_more, b_more;
  logic [7:0] index_q;
  logic [AddrBits-1:0] a_addr_q, b_addr_q;
  logic [1:0] load_bank_q, take_bank_q, used_q, full_q;
  info_t info_q [4];
  logic [ReadLatency-1:0] a_valid_q, b_valid_q, done_q;
  tag_t a_tag_q [ReadLatency];
  tag_t b_tag_q [ReadLatency];

  // Step sequencer.
  logic [1:0] bank_q;
  logic [3:0] k_q;
  info_t info;
  logic have, block_end, tile_end, fire, free;

  fvgm_mpu_walk #(
    .DspRows(DspRows),
    .DspCols(DspCols)
  ) u_walk (
    .clk_i,
    .rst_ni,
    .cmd_valid_i,
    .cmd_ready_o,
    .cmd_i,
    .block_valid_o(block_valid),
    .block_ready_i(block_ready),
    .block_o(block),
    .tile_o
  );

  assign a_more = load_valid_q && index_q < load_q.a_reads;
  assign b_more = load_valid_q && index_q < load_q.b_reads;
  assign load_done = load_valid_q && 9'(index_q) + 9'd1 >= 9'(load_q.a_reads)
                     && 9'(index_q) + 9'd1 >= 9'(load_q.b_reads);
  assign block_ready = (!load_valid_q || load_done) && used_q != 2'(Banks)
                       && (!block.tile_first || tile_ready_i);
  assign block_take = block_valid && block_ready;
  assign tile_valid_o = block_take && block.tile_first;

  assign abuf_rd_valid_o = a_more;
  assign abuf_rd_addr_o = $bits(abuf_rd_addr_o)'(a_addr_q);
  assign bbuf_rd_valid_o = b_more;
  assign bbuf_rd_addr_o = $bits(bbuf_rd_addr_o)'(b_addr_q);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      load_valid_q <= 1'b0;
      take_bank_q <= '0;
      used_q <= '0;
      full_q <= '0;
      a_valid_q <= '0;
      b_valid_q <= '0;
      done_q <= '0;
    end else begin
      load_valid_q <= block_take || (load_valid_q && !load_done);
      if (block_take) take_bank_q <= next_bank(take_bank_q);
      used_q <= used_q + 2'(block_take) - 2'(free);
      full_q <= full_q + 2'(done_q[ReadLatency-1]) - 2'(free);
      a_valid_q <= {a_valid_q[ReadLatency-2:0], a_more};
      b_valid_q <= {b_valid_q[ReadLatency-2:0], b_more};
      done_q <= {done_q[ReadLatency-2:0], load_done};
    end
  end

  always_ff @(posedge clk_i) begin
    if (block_take) begin
      load_q <= '{
        precision: block.precision,
        b_layout: block.b_layout,
        tail: block.tail,
        a_reads: block.a_reads,
        b_reads: block.b_reads,
        b_stride: block.b_stride
      };
      load_bank_q <= take_bank_q;
      index_q <= '0;
      a_addr_q <= block.a_addr;
      b_addr_q <= block.b_addr;
      info_q[take_bank_q] <= '{
        precision: block.precision,
        b_layout: block.b_layout,
        tile_first: block.tile_first,
        tile_last: block.tile_last,
        a_bank: block.tail ? TailBank : take_bank_q,
        last_step: 4'(block.steps - 5'd1)
      };
    end else if (load_valid_q) begin
      index_q <= index_q + 8'd1;
      a_addr_q <= a_addr_q + AddrBits'(PortA);
      b_addr_q <= b_addr_q + load_q.b_stride;
    end
    if (a_more) begin
      a_tag_q[0] <= '{
        index: index_q,
        bank: load_q.tail ? TailBank : load_bank_q,
        fp16: load_q.precision == PrecFp16,
        kn: 1'b0
      };
    end
    if (b_more) begin
      b_tag_q[0] <= '{
        index: index_q,
        bank: load_bank_q,
        fp16: 1'b1,
        kn: load_q.b_layout == LayoutKn
      };
    end
    for (int unsigned i = 1; i < ReadLatency; i++) begin
      a_tag_q[i] <= a_tag_q[i-1];
      b_tag_q[i] <= b_tag_q[i-1];
    end
  end

  // Steps.
  assign info = info_q[bank_q];
  assign have = full_q != '0;
  assign block_end = k_q == info.last_step;
  assign tile_end = block_end && info.tile_last;
  assign fire = have && (!tile_end || last_ok_i);
  assign free = fire && block_end;
  assign last_o = fire && tile_end;
  assign stall_drain_o = have && !fire;
  assign busy_o = block_valid || used_q != '0;
  assign stall_operand_o = !have && busy_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      step_valid_o <= 1'b0;
      bank_q <= '0;
      k_q <= '0;
    end else begin
      step_valid_o <= fire;
      if (fire) k_q <= block_end ? 4'd0 : k_q + 4'd1;
      if (free) bank_q <= next_bank(bank_q);
    end
  end

  always_ff @(posedge clk_i) begin
    if (fire) begin
      step_o <= '{
        first: info.tile_first && k_q == '0,
        last: tile_end,
        precision: info.precision
      };
    end
  end

  // Block registers of A: DSP row i owns two units a bank. INT8: rows 2i and 2i+1; FP16: row i in
  // the first.
  tag_t a_tag, b_tag;
  logic a_write, b_write;
  logic unused_tag;

  assign a_tag = a_tag_q[ReadLatency-1];
  assign b_tag = b_tag_q[ReadLatency-1];
  assign a_write = a_valid_q[ReadLatency-1];
  assign b_write = b_valid_q[ReadLatency-1];
  assign unused_tag = a_tag.kn ^ b_tag.fp16;

  for (genvar i = 0; i < DspRows; i++) begin : g_a
    localparam int unsigned Even = 2 * i;
    localparam int unsigned Odd = 2 * i + 1;
    logic [UnitBits-1:0] even_q [4];
    logic [UnitBits-1:0] odd_q [4];

    always_ff @(posedge clk_i) begin
      if (a_write) begin
        if (a_tag.fp16) begin
          if (a_tag.index == 8'(i / PortA)) even_q[a_tag.bank] <= abuf_rd_data_i[i%PortA];
        end else begin
          if (a_tag.index == 8'(Even / PortA)) even_q[a_tag.bank] <= abuf_rd_data_i[Even%PortA];
          if (a_tag.index == 8'(Odd / PortA)) odd_q[a_tag.bank] <= abuf_rd_data_i[Odd%PortA];
        end
      end
      if (fire) begin
        if (info.precision == PrecFp16) a_o[i] <= even_q[info.a_bank][{k_q[2:0], 4'b0}+:16];
        else a_o[i] <= {odd_q[info.a_bank][{k_q, 3'b0}+:8], even_q[info.a_bank][{k_q, 3'b0}+:8]};
      end
    end
  end

  // Block registers of B. NK: unit c is column c. KN: unit k*KnUnits + j holds columns 8j.. of step
  // k.
  logic [UnitBits-1:0] b_unit [TileCols];

  for (genvar c = 0; c < TileCols; c++) begin : g_b
    logic [UnitBits-1:0] unit_q [4];

    always_ff @(posedge clk_i) begin
      if (b_write) begin
        if (b_tag.kn) begin
          if (b_tag.index == 8'(c / KnUnits)) unit_q[b_tag.bank] <= bbuf_rd_data_i[c%KnUnits];
        end else begin
          if (b_tag.index == 8'(c / PortB)) unit_q[b_tag.bank] <= bbuf_rd_data_i[c%PortB];
        end
      end
    end

    assign b_unit[c] = unit_q[bank_q];
  end

  always_ff @(posedge clk_i) begin
    if (fire) begin
      for (int unsigned c = 0; c < TileCols; c++) begin
        if (info.precision == PrecInt8) begin
          b_o[c/2][c%2] <= {8'b0, b_unit[c][{k_q, 3'b0}+:8]};
        end else if (info.b_layout == LayoutNk) begin
          b_o[c/2][c%2] <= b_unit[c][{k_q[2:0], 4'b0}+:16];
        end else begin
          b_o[c/2][c%2] <= b_unit[32'(k_q[2:0]) * KnUnits + c / 8][16*(c%8)+:16];
        end
      end
    end
  end

endmodule
