// Test top of rtl/dma: both units on one AXI memory, with the buffers of rtl/buffer behind them.
//
// A rising edge of fill_i reads, one of dump_i writes the contents of every bank as
// <buffer>_<bank>.hex in the working folder. noise_i of 256 cycles another port of each buffer
// wants to write (units of the noise region only: 32 from the middle on) or, in vbuf, to read.
// Each unit reads an mbuf of its own, filled from M.hex; its read data is noise in every cycle but
// the second after a request.
module fvgm_dma_tb
  import fvgm_isa_pkg::*;
#(
  parameter int unsigned AxiSlots   = 4,
  parameter int unsigned BurstBeats = 8,
  parameter int unsigned Units      = 512,
  parameter int unsigned Entries    = 1024
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         mem_rst_ni,

  input  logic         fill_i,
  input  logic         dump_i,
  input  logic [8:0]   noise_i,

  input  logic         load_valid_i,
  output logic         load_ready_o,
  input  logic [383:0] load_cmd_i,
  output logic         load_done_o,
  input  logic         load_halt_i,
  output logic         load_error_o,
  output logic [39:0]  load_error_addr_o,
  output logic         load_idle_o,
  output logic         load_mb_valid_o,
  output logic [15:0]  load_mb_addr_o,

  input  logic         store_valid_i,
  output logic         store_ready_o,
  input  logic [383:0] store_cmd_i,
  output logic         store_done_o,
  input  logic         store_halt_i,
  output logic         store_error_o,
  output logic [39:0]  store_error_addr_o,
  output logic         store_idle_o,
  output logic         store_mb_valid_o,
  output logic [15:0]  store_mb_addr_o,

  output logic [3:0]       wr_valid_o,
  output logic [3:0]       wr_ready_o,
  output logic [1:0]       wr_mask_o,
  output logic [1:0][19:0] wr_addr_o,
  output logic [255:0]     wr_data_o,
  output logic             rd_valid_o,
  output logic             rd_ready_o,

  input  logic [15:0]  latency_i,
  input  logic [15:0]  jitter_i,
  input  logic [7:0]   stall_ar_i,
  input  logic [7:0]   stall_r_i,
  input  logic [7:0]   stall_aw_i,
  input  logic [7:0]   stall_w_i,
  input  logic [7:0]   stall_b_i,
  input  logic         reorder_i,
  input  logic         interleave_i,
  input  logic         error_read_i,
  input  logic         error_write_i,
  input  logic [1:0]   error_resp_i,
  input  logic [39:0]  error_first_i,
  input  logic [39:0]  error_last_i,

  output logic [$clog2(AxiSlots)-1:0] arid_o,
  output logic [39:0]  araddr_o,
  output logic [7:0]   arlen_o,
  output logic         arvalid_o,
  output logic         arready_o,
  output logic [$clog2(AxiSlots)-1:0] rid_o,
  output logic         rlast_o,
  output logic         rvalid_o,
  output logic         rready_o,
  output logic [$clog2(AxiSlots)-1:0] awid_o,
  output logic [39:0]  awaddr_o,
  output logic [7:0]   awlen_o,
  output logic         awvalid_o,
  output logic         awready_o,
  output logic         wlast_o,
  output logic         wvalid_o,
  output logic         wready_o,
  output logic [$clog2(AxiSlots)-1:0] bid_o,
  output logic         bvalid_o
);

  localparam int unsigned IdBits = $clog2(AxiSlots);
  localparam int unsigned ABanks = 4;
  localparam int unsigned BBanks = 2;
  localparam int unsigned VBanks = 8;
  localparam int unsigned PBanks = 4;

  logic [2:0] arsize, awsize;
  logic [1:0] arburst, awburst, rresp, bresp;
  logic [255:0] rdata, wdata;
  logic [31:0] wstrb;
  logic bready;
  logic [1:0][127:0] wr_data;
  logic [19:0] rd_addr;
  logic [255:0] rd_data;
  logic [31:0] load_mb_data, store_mb_data;

  fvgm_dma_load #(
    .AxiSlots(AxiSlots),
    .BurstBeats(BurstBeats)
  ) u_load (
    .clk_i, .rst_ni,
    .cmd_valid_i(load_valid_i), .cmd_ready_o(load_ready_o), .cmd_i(transfer_t'(load_cmd_i)),
    .done_o(load_done_o), .halt_i(load_halt_i), .error_o(load_error_o),
    .error_addr_o(load_error_addr_o), .idle_o(load_idle_o),
    .mb_rd_valid_o(load_mb_valid_o), .mb_rd_addr_o(load_mb_addr_o), .mb_rd_data_i(load_mb_data),
    .m_axi_arid(arid_o), .m_axi_araddr(araddr_o), .m_axi_arlen(arlen_o), .m_axi_arsize(arsize),
    .m_axi_arburst(arburst), .m_axi_arcache(), .m_axi_arprot(), .m_axi_arvalid(arvalid_o),
    .m_axi_arready(arready_o), .m_axi_rid(rid_o), .m_axi_rdata(rdata), .m_axi_rresp(rresp),
    .m_axi_rlast(rlast_o), .m_axi_rvalid(rvalid_o), .m_axi_rready(rready_o),
    .wr_valid_o, .wr_ready_i(wr_ready_o), .wr_mask_o, .wr_addr_o, .wr_data_o(wr_data)
  );

  assign wr_data_o = wr_data;

  fvgm_dma_store #(
    .AxiSlots(AxiSlots),
    .BurstBeats(BurstBeats)
  ) u_store (
    .clk_i, .rst_ni,
    .cmd_valid_i(store_valid_i), .cmd_ready_o(store_ready_o), .cmd_i(transfer_t'(store_cmd_i)),
    .done_o(store_done_o), .halt_i(store_halt_i), .error_o(store_error_o),
    .error_addr_o(store_error_addr_o), .idle_o(store_idle_o),
    .mb_rd_valid_o(store_mb_valid_o), .mb_rd_addr_o(store_mb_addr_o), .mb_rd_data_i(store_mb_data),
    .rd_valid_o, .rd_ready_i(rd_ready_o), .rd_addr_o(rd_addr), .rd_data_i(rd_data),
    .m_axi_awid(awid_o), .m_axi_awaddr(awaddr_o), .m_axi_awlen(awlen_o), .m_axi_awsize(awsize),
    .m_axi_awburst(awburst), .m_axi_awcache(), .m_axi_awprot(), .m_axi_awvalid(awvalid_o),
    .m_axi_awready(awready_o), .m_axi_wdata(wdata), .m_axi_wstrb(wstrb), .m_axi_wlast(wlast_o),
    .m_axi_wvalid(wvalid_o), .m_axi_wready(wready_o), .m_axi_bid(bid_o), .m_axi_bresp(bresp),
    .m_axi_bvalid(bvalid_o), .m_axi_bready(bready)
  );

  axi_memory #(
    .IdBits(IdBits),
    .Origin(64'h40_0000_0000)
  ) u_memory (
    .clk_i, .rst_ni(mem_rst_ni),
    .latency_i, .jitter_i, .stall_ar_i, .stall_r_i, .stall_aw_i, .stall_w_i, .stall_b_i,
    .reorder_i, .interleave_i, .error_read_i, .error_write_i, .error_resp_i, .error_first_i,
    .error_last_i,
    .s_axi_arid(arid_o), .s_axi_araddr(araddr_o), .s_axi_arlen(arlen_o), .s_axi_arsize(arsize),
    .s_axi_arburst(arburst), .s_axi_arvalid(arvalid_o), .s_axi_arready(arready_o),
    .s_axi_rid(rid_o), .s_axi_rdata(rdata), .s_axi_rresp(rresp), .s_axi_rlast(rlast_o),
    .s_axi_rvalid(rvalid_o), .s_axi_rready(rready_o),
    .s_axi_awid(awid_o), .s_axi_awaddr(awaddr_o), .s_axi_awlen(awlen_o), .s_axi_awsize(awsize),
    .s_axi_awburst(awburst), .s_axi_awvalid(awvalid_o), .s_axi_awready(awready_o),
    .s_axi_wdata(wdata), .s_axi_wstrb(wstrb), .s_axi_wlast(wlast_o), .s_axi_wvalid(wvalid_o),
    .s_axi_wready(wready_o), .s_axi_bid(bid_o), .s_axi_bresp(bresp), .s_axi_bvalid(bvalid_o),
    .s_axi_bready(bready)
  );

  // Noise: a port that competes with the dma, its request held until it is served.
  logic [31:0] lfsr_q;
  logic [2:0] noise_valid_q, noise_ready;
  logic [1:0] noise_mask_q;
  logic [1:0][19:0] noise_addr_q;
  logic [1:0][127:0] noise_data_q;
  logic noise_rd_q, noise_rd_ready;
  logic [19:0] noise_rd_addr_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      lfsr_q <= 32'hACE1_2345;
      noise_valid_q <= '0;
      noise_rd_q <= 1'b0;
    end else begin
      lfsr_q <= {lfsr_q[30:0], lfsr_q[31] ^ lfsr_q[21] ^ lfsr_q[1] ^ lfsr_q[0]};
      if ((noise_valid_q & ~noise_ready) == '0) begin
        noise_valid_q <= (9'(lfsr_q[7:0]) < noise_i) ? 3'b111 : 3'b000;
        noise_mask_q <= lfsr_q[9:8];
        noise_addr_q[0] <= 20'(Units / 2) + 20'(lfsr_q[14:10]);
        noise_addr_q[1] <= 20'(Units / 2) + 20'(lfsr_q[19:15]);
        noise_data_q <= {8{lfsr_q}};
      end else begin
        noise_valid_q <= noise_valid_q & ~noise_ready;
      end
      if (!noise_rd_q || noise_rd_ready) begin
        noise_rd_q <= 9'(lfsr_q[23:16]) < noise_i;
        noise_rd_addr_q <= lfsr_q[31:12];
      end
    end
  end

  logic [31:0] load_mb_word, store_mb_word;
  logic [1:0] load_mb_pipe_q, store_mb_pipe_q;

  always_ff @(posedge clk_i) begin
    load_mb_pipe_q <= {load_mb_pipe_q[0], load_mb_valid_o};
    store_mb_pipe_q <= {store_mb_pipe_q[0], store_mb_valid_o};
  end

  assign load_mb_data = load_mb_pipe_q[1] ? load_mb_word : lfsr_q;
  assign store_mb_data = store_mb_pipe_q[1] ? store_mb_word : lfsr_q;

  fvgm_rbuf #(
    .Words(Entries)
  ) u_load_mbuf (
    .clk_i, .rst_ni, .rd_valid_i(load_mb_valid_o), .rd_addr_i(load_mb_addr_o),
    .rd_data_o(load_mb_word), .wr_valid_i(1'b0), .wr_addr_i('0), .wr_data_i('0)
  );

  fvgm_rbuf #(
    .Words(Entries)
  ) u_store_mbuf (
    .clk_i, .rst_ni, .rd_valid_i(store_mb_valid_o), .rd_addr_i(store_mb_addr_o),
    .rd_data_o(store_mb_word), .wr_valid_i(1'b0), .wr_addr_i('0), .wr_data_i('0)
  );

  always @(posedge fill_i) begin
    $readmemh("M.hex", u_load_mbuf.u_ram.mem);
    $readmemh("M.hex", u_store_mbuf.u_ram.mem);
  end

  fvgm_buffer #(
    .Units(Units), .Banks(ABanks), .ReadUnits(2), .ReadPorts(1), .WriteUnits(2), .WritePorts(2)
  ) u_abuf (
    .clk_i, .rst_ni, .rd_valid_i(1'b0), .rd_ready_o(), .rd_addr_i('0),
    .rd_stride_i('0), .rd_data_o(),
    .wr_valid_i({wr_valid_o[BufA], noise_valid_q[0]}),
    .wr_ready_o({wr_ready_o[BufA], noise_ready[0]}),
    .wr_mask_i({wr_mask_o, noise_mask_q}), .wr_addr_i({wr_addr_o, noise_addr_q}),
    .wr_data_i({wr_data, noise_data_q})
  );

  fvgm_buffer #(
    .Units(Units), .Banks(BBanks), .ReadUnits(2), .ReadPorts(1), .WriteUnits(2), .WritePorts(2)
  ) u_bbuf (
    .clk_i, .rst_ni, .rd_valid_i(1'b0), .rd_ready_o(), .rd_addr_i('0),
    .rd_stride_i('0), .rd_data_o(),
    .wr_valid_i({wr_valid_o[BufB], noise_valid_q[1]}),
    .wr_ready_o({wr_ready_o[BufB], noise_ready[1]}),
    .wr_mask_i({wr_mask_o, noise_mask_q}), .wr_addr_i({wr_addr_o, noise_addr_q}),
    .wr_data_i({wr_data, noise_data_q})
  );

  logic [255:0] noise_rd_data;

  fvgm_buffer #(
    .Units(Units), .Banks(VBanks), .ReadUnits(2), .ReadPorts(2), .WriteUnits(2), .WritePorts(2)
  ) u_vbuf (
    .clk_i, .rst_ni,
    .rd_valid_i({rd_valid_o, noise_rd_q}), .rd_ready_o({rd_ready_o, noise_rd_ready}),
    .rd_addr_i({rd_addr, noise_rd_addr_q}), .rd_stride_i({2{20'd1}}),
    .rd_data_o({rd_data, noise_rd_data}),
    .wr_valid_i({wr_valid_o[BufV], noise_valid_q[2]}),
    .wr_ready_o({wr_ready_o[BufV], noise_ready[2]}),
    .wr_mask_i({wr_mask_o, noise_mask_q}), .wr_addr_i({wr_addr_o, noise_addr_q}),
    .wr_data_i({wr_data, noise_data_q})
  );

  fvgm_pbuf #(
    .Entries(Units / 4)
  ) u_pbuf (
    .clk_i, .rst_ni, .rd_valid_i('0), .rd_addr_i('0), .rd_data_o(),
    .wr_valid_i(wr_valid_o[BufP]), .wr_ready_o(wr_ready_o[BufP]), .wr_mask_i(wr_mask_o),
    .wr_addr_i(wr_addr_o), .wr_data_i(wr_data)
  );

  for (genvar b = 0; b < ABanks; b++) begin : gen_a
    always @(posedge fill_i) $readmemh($sformatf("A_%0d.hex", b),
      u_abuf.u_banks.gen_bank[b].u_ram.mem);
    always @(posedge dump_i) $writememh($sformatf("A_%0d.hex", b),
      u_abuf.u_banks.gen_bank[b].u_ram.mem);
  end
  for (genvar b = 0; b < BBanks; b++) begin : gen_b
    always @(posedge fill_i) $readmemh($sformatf("B_%0d.hex", b),
      u_bbuf.u_banks.gen_bank[b].u_ram.mem);
    always @(posedge dump_i) $writememh($sformatf("B_%0d.hex", b),
      u_bbuf.u_banks.gen_bank[b].u_ram.mem);
  end
  for (genvar b = 0; b < VBanks; b++) begin : gen_v
    always @(posedge fill_i) $readmemh($sformatf("V_%0d.hex", b),
      u_vbuf.u_banks.gen_bank[b].u_ram.mem);
    always @(posedge dump_i) $writememh($sformatf("V_%0d.hex", b),
      u_vbuf.u_banks.gen_bank[b].u_ram.mem);
  end
  for (genvar b = 0; b < PBanks; b++) begin : gen_p
    always @(posedge fill_i) begin
      $readmemh($sformatf("P_%0d.hex", b), u_pbuf.gen_copy[0].u_copy.u_banks.gen_bank[b].u_ram.mem);
      $readmemh($sformatf("P_%0d.hex", b), u_pbuf.gen_copy[1].u_copy.u_banks.gen_bank[b].u_ram.mem);
    end
    always @(posedge dump_i) begin
      $writememh($sformatf("P_%0d.hex", b),
        u_pbuf.gen_copy[0].u_copy.u_banks.gen_bank[b].u_ram.mem);
      $writememh($sformatf("P2_%0d.hex", b),
        u_pbuf.gen_copy[1].u_copy.u_banks.gen_bank[b].u_ram.mem);
    end
  end

endmodule
