// Test top of the mpu: the buffers around it, of any contents, with the latency of the contract.
//
// load_i reads the images from the folder that +images names (abuf.hex, ...), dump_i writes vbuf.hex there.
// A read port answers after exactly two cycles and shows the inverse of the right data in every other
// cycle. vbuf refuses a write in about pressure_i of 256 cycles. Counters: cycles since start, units written,
// commands done, cycles of either stall, cycles in which a write was refused.
module fvgm_mpu_tb
  import fvgm_isa_pkg::*;
  import fvgm_mpu_pkg::*;
#(
  parameter int unsigned ChainRows = 1,
  parameter int unsigned ABufUnits = 2048,
  parameter int unsigned BBufUnits = 2048,
  parameter int unsigned VBufUnits = 2048,
  parameter int unsigned PBufEntries = 64,
  parameter int unsigned RBufWords = 256,
  localparam int unsigned Lines = 2 * ChainRows,
  localparam int unsigned PortB = TileCols,
  localparam int unsigned PortV = TileCols / 4
);

  logic clk_i, clk2x_i, rst_ni, load_i, dump_i, clear_i;
  logic [7:0] pressure_i;
  logic cmd_valid_i, cmd_ready_o, done_o, busy_o;
  logic [PayloadBits-1:0] cmd_i;
  logic stall_drain_o, stall_operand_o;
  logic [31:0] cycles_q, units_q, done_q, stall_drain_q, stall_operand_q, refused_q;

  logic abuf_rd_valid, abuf_rd_int8, abuf_rd_upper, bbuf_rd_valid, pbuf_rd_valid, rbuf_rd_valid;
  logic wr_valid, wr_ready;
  logic [$clog2(ABufUnits)-1:0] abuf_rd_addr;
  logic [$clog2(BBufUnits)-1:0] bbuf_rd_addr, bbuf_rd_stride;
  logic [$clog2(PBufEntries)-1:0] pbuf_rd_addr;
  logic [$clog2(RBufWords)-1:0] rbuf_rd_addr;
  logic [Lines-1:0][UnitBits-1:0] abuf_rd_data;
  logic [PortB-1:0][UnitBits-1:0] bbuf_rd_data;
  logic [511:0] pbuf_rd_data;
  logic [31:0] rbuf_rd_data;
  logic [PortV-1:0] wr_mask;
  logic [PortV-1:0][$clog2(VBufUnits)-1:0] wr_addr;
  logic [PortV-1:0][UnitBits-1:0] wr_data;

  logic [UnitBits-1:0] abuf [ABufUnits];
  logic [UnitBits-1:0] bbuf [BBufUnits];
  logic [UnitBits-1:0] vbuf [VBufUnits];
  logic [511:0] pbuf [PBufEntries];
  logic [31:0] rbuf [RBufWords];
  string folder;

  initial begin
    clk_i = 1'b0;
    rst_ni = 1'b0;
    load_i = 1'b0;
    dump_i = 1'b0;
    clear_i = 1'b0;
    pressure_i = '0;
    cmd_valid_i = 1'b0;
    cmd_i = '0;
    if (!$value$plusargs("images=%s", folder)) folder = ".";
    clk2x_i = 1'b0;
    // Every rising edge of clk_i is one of clk2x_i.
    forever begin
      #1 clk2x_i = 1'b1;
      clk_i = 1'b1;
      #1 clk2x_i = 1'b0;
      #1 clk2x_i = 1'b1;
      clk_i = 1'b0;
      #1 clk2x_i = 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (load_i) begin
      $readmemh({folder, "/abuf.hex"}, abuf);
      $readmemh({folder, "/bbuf.hex"}, bbuf);
      $readmemh({folder, "/vbuf.hex"}, vbuf);
      $readmemh({folder, "/pbuf.hex"}, pbuf);
      $readmemh({folder, "/rbuf.hex"}, rbuf);
    end
    if (dump_i) $writememh({folder, "/vbuf_out.hex"}, vbuf);
    if (wr_valid && wr_ready) begin
      for (int unsigned u = 0; u < PortV; u++) begin
        if (wr_mask[u]) vbuf[wr_addr[u]] <= wr_data[u];
      end
    end
  end

  // A line of abuf: an FP16 row, or eight bytes of each of two INT8 rows in turn.
  function automatic logic [UnitBits-1:0] line(
      logic [$clog2(ABufUnits)-1:0] first, logic int8, logic upper, int unsigned number);
    logic [UnitBits-1:0] even, odd;
    if (!int8) return abuf[(32'(first) + number) % ABufUnits];
    even = abuf[(32'(first) + 2 * number) % ABufUnits] >> (upper ? 64 : 0);
    odd = abuf[(32'(first) + 2 * number + 1) % ABufUnits] >> (upper ? 64 : 0);
    for (int unsigned k = 0; k < 8; k++) line[16*k+:16] = {odd[8*k+:8], even[8*k+:8]};
  endfunction

  // Reads: an address stage, then the data register.
  logic a_valid_q, a_int8_q, a_upper_q, b_valid_q, p_valid_q, r_valid_q;
  logic [$clog2(ABufUnits)-1:0] a_addr_q;
  logic [$clog2(BBufUnits)-1:0] b_addr_q, b_stride_q;
  logic [$clog2(PBufEntries)-1:0] p_addr_q;
  logic [$clog2(RBufWords)-1:0] r_addr_q;

  always_ff @(posedge clk_i) begin
    a_valid_q <= abuf_rd_valid;
    b_valid_q <= bbuf_rd_valid;
    p_valid_q <= pbuf_rd_valid;
    r_valid_q <= rbuf_rd_valid;
    a_int8_q <= abuf_rd_int8;
    a_upper_q <= abuf_rd_upper;
    a_addr_q <= abuf_rd_addr;
    b_addr_q <= bbuf_rd_addr;
    b_stride_q <= bbuf_rd_stride;
    p_addr_q <= pbuf_rd_addr;
    r_addr_q <= rbuf_rd_addr;
    for (int unsigned l = 0; l < Lines; l++) begin
      abuf_rd_data[l] <= line(a_addr_q, a_int8_q, a_upper_q, l) ^ {UnitBits{!a_valid_q}};
    end
    for (int unsigned p = 0; p < PortB; p++) begin
      bbuf_rd_data[p] <= bbuf[(32'(b_addr_q) + p * 32'(b_stride_q)) % BBufUnits]
                         ^ {UnitBits{!b_valid_q}};
    end
    pbuf_rd_data <= pbuf[p_addr_q] ^ {512{!p_valid_q}};
    rbuf_rd_data <= rbuf[r_addr_q] ^ {32{!r_valid_q}};
  end

  // Pressure: a maximal 16-bit LFSR.
  logic [15:0] lfsr_q;

  assign wr_ready = lfsr_q[7:0] >= pressure_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) lfsr_q <= 16'hACE1;
    else lfsr_q <= {lfsr_q[14:0], lfsr_q[15] ^ lfsr_q[13] ^ lfsr_q[12] ^ lfsr_q[10]};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      cycles_q <= '0;
      units_q <= '0;
      done_q <= '0;
      stall_drain_q <= '0;
      stall_operand_q <= '0;
      refused_q <= '0;
    end else begin
      cycles_q <= cycles_q + 1;
      units_q <= units_q + ((wr_valid && wr_ready) ? 32'($countones(wr_mask)) : 0);
      done_q <= done_q + 32'(done_o);
      stall_drain_q <= stall_drain_q + 32'(stall_drain_o);
      stall_operand_q <= stall_operand_q + 32'(stall_operand_o);
      refused_q <= refused_q + 32'(wr_valid && !wr_ready);
    end
  end

  fvgm_mpu #(
    .ChainRows(ChainRows),
    .ABufUnits(ABufUnits),
    .BBufUnits(BBufUnits),
    .VBufUnits(VBufUnits),
    .PBufEntries(PBufEntries),
    .RBufWords(RBufWords)
  ) u_mpu (
    .clk_i,
    .clk2x_i,
    .rst_ni,
    .cmd_valid_i,
    .cmd_ready_o,
    .cmd_i(gemm_t'(cmd_i)),
    .done_o,
    .busy_o,
    .stall_drain_o,
    .stall_operand_o,
    .abuf_rd_valid_o(abuf_rd_valid),
    .abuf_rd_int8_o(abuf_rd_int8),
    .abuf_rd_upper_o(abuf_rd_upper),
    .abuf_rd_addr_o(abuf_rd_addr),
    .abuf_rd_data_i(abuf_rd_data),
    .bbuf_rd_valid_o(bbuf_rd_valid),
    .bbuf_rd_addr_o(bbuf_rd_addr),
    .bbuf_rd_stride_o(bbuf_rd_stride),
    .bbuf_rd_data_i(bbuf_rd_data),
    .pbuf_rd_valid_o(pbuf_rd_valid),
    .pbuf_rd_addr_o(pbuf_rd_addr),
    .pbuf_rd_data_i(pbuf_rd_data),
    .rbuf_rd_valid_o(rbuf_rd_valid),
    .rbuf_rd_addr_o(rbuf_rd_addr),
    .rbuf_rd_data_i(rbuf_rd_data),
    .vbuf_wr_valid_o(wr_valid),
    .vbuf_wr_ready_i(wr_ready),
    .vbuf_wr_mask_o(wr_mask),
    .vbuf_wr_addr_o(wr_addr),
    .vbuf_wr_data_o(wr_data)
  );

endmodule
